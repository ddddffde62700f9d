// How values go, step by step: a line for each series. <Line title axis series points format={seconds} />
import { useElementSize } from "@mantine/hooks";
import { Axes, type Space, spaceOf } from "./Axes";
import { Plot, type Point, type Series } from "./Plot";
import styles from "./plot.module.css";
import { ticks } from "./scale";

interface Props {
  title: string;
  axis: string;
  series: Series[];
  points: Point[];
  format: (value: number) => string;
  /** Beside each series in the legend. */
  total: (series: Series) => string;
}

export function Line({ title, axis, series, points, format, total }: Props) {
  const { ref, width } = useElementSize();
  const most = Math.max(...points.flatMap(({ values }) => series.map(({ id }) => values[id] ?? 0)), 0);
  const lines = ticks(most);
  const space = spaceOf(width, points.length, lines.at(-1) ?? 1);
  return (
    <Plot {...{ title, axis, series, points, format, total }} gap="–">
      <div ref={ref} className={styles.area}>
        {width > 0 && (
          <Axes
            space={space}
            lines={lines}
            labels={points.map(({ label }) => label)}
            format={format}
            name={title}
          >
            {series.map(({ id, tone }) => (
              <path key={id} className={styles.stroke} data-tone={tone} d={pathOf(points, id, space)} />
            ))}
            {series.flatMap(({ id, tone }) =>
              alone(points, id).map(([index, value]) => (
                <circle
                  key={`${id} ${index}`}
                  className={styles.fill}
                  data-tone={tone}
                  cx={space.x(index)}
                  cy={space.y(value)}
                  r={3}
                />
              )),
            )}
          </Axes>
        )}
      </div>
    </Plot>
  );
}

/** Where a value is missing the line has a gap. */
export function pathOf(points: Point[], id: string, { x, y }: Pick<Space, "x" | "y">): string {
  let isDown = false;
  return points
    .flatMap(({ values }, index) => {
      const value = values[id];
      if (value === undefined) {
        isDown = false;
        return [];
      }
      const step = `${isDown ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
      isDown = true;
      return [step];
    })
    .join("");
}

/** What no line would show: values between two gaps. */
function alone(points: Point[], id: string): [index: number, value: number][] {
  return points.flatMap(({ values: { [id]: value } }, index): [number, number][] => {
    const hasNeighbour = [index - 1, index + 1].some((at) => points[at]?.values[id] !== undefined);
    return value === undefined || hasNeighbour ? [] : [[index, value]];
  });
}
