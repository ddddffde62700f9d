// The lines behind a plot, with their values; and the names of the steps below it.
import type { ReactNode } from "react";
import { short } from "../../data/figures";
import styles from "./plot.module.css";

export const HEIGHT = 180;
export const LEFT = 36;
export const BOTTOM = 20;
const TOP = 8;
/** Of the plot itself, in px. */
export const INNER = HEIGHT - BOTTOM - TOP;
const LEAST = 56;
/** Half of what a name takes: nearer to the edge it is cut. */
const HALF = 20;

export interface Space {
  width: number;
  x: (index: number) => number;
  step: number;
  y: (value: number) => number;
}

export function spaceOf(width: number, count: number, most: number): Space {
  const step = (width - LEFT) / Math.max(count, 1);
  return {
    width,
    step,
    x: (index) => LEFT + step * (index + 0.5),
    y: (value) => TOP + INNER * (1 - value / most),
  };
}

interface Props {
  space: Space;
  lines: number[];
  labels: string[];
  format?: (value: number) => string;
  name: string;
  children: ReactNode;
}

export function Axes({ space, lines, labels, format = short, name, children }: Props) {
  const every = Math.ceil(LEAST / space.step);
  return (
    <svg className={styles.svg} width={space.width} height={HEIGHT} role="img" aria-label={name}>
      {lines.map((value) => (
        <g key={value}>
          <line x1={LEFT} x2={space.width} y1={space.y(value)} y2={space.y(value)} className={styles.line} />
          <text x={LEFT - 8} y={space.y(value) + 4} textAnchor="end" className={styles.text}>
            {format(value)}
          </text>
        </g>
      ))}
      {children}
      {labels.map((label, index) =>
        (labels.length - 1 - index) % every === 0 ? (
          <text key={label} {...placeOf(space, index)} y={HEIGHT - 4} className={styles.text}>
            {label}
          </text>
        ) : null,
      )}
    </svg>
  );
}

function placeOf({ x, width }: Space, index: number) {
  const isCut = width - x(index) < HALF;
  return isCut
    ? ({ x: width, textAnchor: "end" } as const)
    : ({ x: x(index), textAnchor: "middle" } as const);
}
