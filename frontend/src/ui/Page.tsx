// A screen: its heading (which gets the focus on arrival), its main actions, its content, and the tab's title.
import { type ReactNode, useEffect } from "react";
import { HEADING } from "../shell/arrival";
import styles from "./page.module.css";

interface PageProps {
  title: string;
  /** Beside the heading: a StateBadge, say. */
  mark?: ReactNode;
  /** One line below: what this is, where it is not plain. */
  lead?: ReactNode;
  /** One filled button at most. */
  actions?: ReactNode;
  /** Where it belongs: a link to the list. */
  above?: ReactNode;
  children?: ReactNode;
}

export function Page({ title, mark, lead, actions, above, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Clearpost`;
  }, [title]);
  return (
    <>
      <header className={styles.head}>
        <div className={styles.titles}>
          {above !== undefined && <div className={styles.above}>{above}</div>}
          <div className={styles.line}>
            <h1 id={HEADING} tabIndex={-1}>
              {title}
            </h1>
            {mark}
          </div>
          {lead !== undefined && <p className={styles.lead}>{lead}</p>}
        </div>
        {actions !== undefined && <div className={styles.actions}>{actions}</div>}
      </header>
      <div className={styles.content}>{children}</div>
    </>
  );
}

interface SectionProps {
  title: string;
  lead?: ReactNode;
  actions?: ReactNode;
  /** Deleting and the like: stands last, apart, and in words that say what is lost. */
  tone?: "danger";
  children: ReactNode;
}

/** A part of a screen with a heading of its own. */
export function Section({ title, lead, actions, tone, children }: SectionProps) {
  return (
    <section className={styles.section} data-tone={tone}>
      <header className={styles.sectionHead}>
        <div>
          <h2>{title}</h2>
          {lead !== undefined && <p className={styles.lead}>{lead}</p>}
        </div>
        {actions !== undefined && <div className={styles.actions}>{actions}</div>}
      </header>
      {children}
    </section>
  );
}
