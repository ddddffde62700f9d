// Details beside their list: the list stays where it was. Escape, or a press beside it, goes back.
import type { ReactNode } from "react";
import { Dialog } from "./Dialog";

interface Props {
  title: ReactNode;
  onClose: () => void;
  footer?: ReactNode;
  children: ReactNode;
}

export function Drawer(props: Props) {
  return <Dialog place="side" {...props} />;
}
