import { act, fireEvent, screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { Problem } from "../api/problem";
import { newQueries, show } from "../test/render";
import { ConfirmDanger } from "./ConfirmDanger";
import { Countdown } from "./Countdown";
import { FilterBar } from "./FilterBar";
import { Form } from "./Form";
import { ProblemNote } from "./notes";
import { StateBadge } from "./StateBadge";
import { Toasts, toast } from "./toasts";

test("a state is said in a word beside its icon", async () => {
  await show(<StateBadge state="failing" />);
  expect((await screen.findByText("Failing")).querySelector("svg")).toBeTruthy();
});

test("what cannot be taken back waits for its name", async () => {
  const confirm = vi.fn(async () => undefined);
  const close = vi.fn();
  await show(
    <ConfirmDanger
      title="Delete?"
      name="example.org"
      verb="Delete the domain"
      onConfirm={confirm}
      onClose={close}
    >
      Gone.
    </ConfirmDanger>,
  );
  const button = await screen.findByText("Delete the domain");
  fireEvent.click(button);
  expect(confirm).not.toHaveBeenCalled();
  fireEvent.change(screen.getByRole("textbox", { hidden: true }), { target: { value: "example.org" } });
  fireEvent.click(button);
  await vi.waitFor(() => expect(close).toHaveBeenCalledOnce());
});

test("a refused deletion stays open and says why", async () => {
  const refuse = () => Promise.reject(new Problem(409, "in_use", "Aliases forward to it."));
  const close = vi.fn();
  await show(
    <ConfirmDanger title="Delete?" verb="Delete" onConfirm={refuse} onClose={close}>
      Gone.
    </ConfirmDanger>,
  );
  fireEvent.click(await screen.findByText("Delete"));
  expect(await screen.findByText(/Aliases forward to it/)).toBeTruthy();
  expect(close).not.toHaveBeenCalled();
});

test("a refusal that names a field stands at the field", async () => {
  const errors = [{ loc: ["body", "name"], msg: "Too long" }];
  const refuse = () => Promise.reject(new Problem(422, "validation_failed", "Not valid.", { errors }));
  await show(
    <Form verb="Save" onSubmit={refuse}>
      {(field) => <p>name: {field("name")}</p>}
    </Form>,
  );
  fireEvent.click(await screen.findByRole("button", { name: "Save" }));
  expect(await screen.findByText("name: Too long")).toBeTruthy();
  expect(screen.queryByText("Not valid.")).toBeNull();
});

test("a limit is told with the price of the plan that lifts it", async () => {
  const queries = newQueries();
  queries.setQueryData(["get", "/v1/account"], { plan: "free" });
  queries.setQueryData(["get", "/v1/plans"], {
    data: [
      { plan: "free", prices: [] },
      { plan: "premium", prices: [{ interval: "month", amount: 900, currency: "usd" }] },
    ],
  });
  await show(<ProblemNote error={new Problem(403, "limit_reached", "Room for 1 domain.")} />, queries);
  const note = await screen.findByText(/Room for 1 domain/);
  expect(note.textContent).toContain("Premium has more room, for $9 a month.");
  expect(screen.getByRole("link", { name: "See plans" }).getAttribute("href")).toBe("/billing?plan=premium");
});

test("a countdown runs down, then says what follows", async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  vi.setSystemTime("2026-11-22T12:00:00Z");
  await show(<Countdown until="2026-11-22T12:00:03Z" over="Trying now" />);
  expect(await screen.findByText("3 s")).toBeTruthy();
  await act(() => vi.advanceTimersByTimeAsync(3500));
  expect(screen.getByText("Trying now")).toBeTruthy();
  vi.useRealTimers();
});

test("a search is told when the typing pauses, and follows the URL", async () => {
  const search = vi.fn();
  await show(<FilterBar q={undefined} onSearch={search} />);
  const field = await screen.findByRole("searchbox");
  fireEvent.change(field, { target: { value: "h" } });
  fireEvent.change(field, { target: { value: "hello" } });
  await vi.waitFor(() => expect(search).toHaveBeenCalledWith("hello"));
  expect(search).toHaveBeenCalledOnce();
});

test("a toast offers the way back, and is gone once it was taken", async () => {
  const undo = vi.fn();
  await show(<Toasts />);
  await act(async () => toast({ text: "Paused", undo }));
  fireEvent.click(screen.getByRole("button", { name: /Undo/ }));
  expect(undo).toHaveBeenCalledOnce();
  expect(screen.queryByText("Paused")).toBeNull();
});
