// Amounts of several kinds, step by step: <StackedBars title={t`Last 7 days`} axis={t`Day`} series points />
import { useElementSize } from "@mantine/hooks";
import { number } from "../../data/figures";
import { Axes, spaceOf } from "./Axes";
import { Plot, type Point, type Series } from "./Plot";
import styles from "./plot.module.css";
import { ticks } from "./scale";

interface Props {
  title: string;
  axis: string;
  series: Series[];
  points: Point[];
}

const WIDEST = 40;

export function StackedBars({ title, axis, series, points }: Props) {
  const { ref, width } = useElementSize();
  const sumOf = (point: Point) => series.reduce((all, { id }) => all + (point.values[id] ?? 0), 0);
  const lines = ticks(Math.max(...points.map(sumOf), 0));
  const space = spaceOf(width, points.length, lines.at(-1) ?? 1);
  const bar = Math.min(space.step * 0.62, WIDEST);
  return (
    <Plot {...{ title, axis, series, points }}>
      <div ref={ref} className={styles.area}>
        {width > 0 && (
          <Axes space={space} lines={lines} labels={points.map(({ label }) => label)} name={title}>
            {points.map((point, index) => (
              <g key={point.label}>
                <title>{`${point.label}: ${series.map(({ id, title: name }) => `${name} ${number(point.values[id] ?? 0)}`).join(", ")}`}</title>
                <rect
                  x={space.x(index) - space.step / 2}
                  y={0}
                  width={space.step}
                  height={160}
                  fill="transparent"
                />
                {stack(point, series).map(({ id, tone, from, to }) => (
                  <rect
                    key={id}
                    className={styles.fill}
                    data-tone={tone}
                    x={space.x(index) - bar / 2}
                    width={bar}
                    y={space.y(to)}
                    height={Math.max(0, space.y(from) - space.y(to) - 1)}
                    rx={1.5}
                  />
                ))}
              </g>
            ))}
          </Axes>
        )}
      </div>
    </Plot>
  );
}

/** The parts of one bar from the bottom, without those that are 0. */
export function stack(point: Point, series: Series[]) {
  let from = 0;
  return series.flatMap(({ id, tone }) => {
    const value = point.values[id] ?? 0;
    if (value === 0) return [];
    const part = { id, tone, from, to: from + value };
    from += value;
    return [part];
  });
}
