// A test message to this alias: sent by one press, then followed by its id.
import { useCallback, useState } from "react";
import { api } from "../../api/client";
import { type Problem, problemOf } from "../../api/problem";

export interface Test {
  messageId: string | undefined;
  isSending: boolean;
  problem: Problem | undefined;
  send: () => void;
  close: () => void;
}

export function useTest(aliasId: string): Test {
  const [messageId, setMessageId] = useState<string>();
  const [isSending, setSending] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const send = useCallback(async () => {
    setSending(true);
    setProblem(undefined);
    try {
      const params = { path: { alias_id: aliasId } };
      const { data } = await api.POST("/v1/aliases/{alias_id}/test", { params });
      setMessageId(data?.message_id);
    } catch (error) {
      setProblem(problemOf(error));
    } finally {
      setSending(false);
    }
  }, [aliasId]);
  return {
    messageId,
    isSending,
    problem,
    send: useCallback(() => void send(), [send]),
    close: () => {
      setMessageId(undefined);
      setProblem(undefined);
    },
  };
}
