import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

import { bytes } from "./format";
import type { Sample } from "./state";

const height = 220;

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function options(width: number): uPlot.Options {
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
  const perSecond = (v: number | null) => (v === null ? "" : `${bytes(Math.round(v))}/s`);
  const line = (label: string, stroke: string) => ({
    label,
    stroke,
    width: 2,
    points: { show: false },
    value: (_: uPlot, v: number | null) => perSecond(v),
  });
  return {
    width,
    height,
    scales: {
      // At first there is little to show; a second's width would be marked in milliseconds.
      x: { time: true, range: (_, min, max) => [Math.min(min, max - 60), max] },
      rate: { range: (_, _min, max) => [0, Math.max(max, 1000)] },
      peers: { range: (_, _min, max) => [0, Math.max(Math.ceil(max * 1.2), 4)] },
    },
    series: [
      {},
      { ...line("received", colour("--in")), scale: "rate" },
      { ...line("sent", colour("--out")), scale: "rate" },
      { label: "peers", stroke: colour("--peers"), width: 1.5, dash: [4, 4], scale: "peers", points: { show: false } },
    ],
    axes: [
      { ...axis },
      { ...axis, scale: "rate", size: 84, values: (_, ticks) => ticks.map(perSecond) },
      { ...axis, scale: "peers", side: 1, size: 40, grid: { show: false }, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] },
    ],
    cursor: { drag: { x: false, y: false } },
  };
}

/** Transfer rate and peers over the last minutes. */
export function Chart({ samples }: { samples: Sample[] }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef<uPlot.AlignedData>([[], [], [], []]);
  latest.current = [
    samples.map((s) => s.atS),
    samples.map((s) => s.inRate),
    samples.map((s) => s.outRate),
    samples.map((s) => s.peers),
  ];
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(element.clientWidth), latest.current, element);
    };
    draw();
    const resized = new ResizeObserver(() => {
      if (plot.current && element.clientWidth > 0 && plot.current.width !== element.clientWidth)
        plot.current.setSize({ width: element.clientWidth, height });
    });
    resized.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => {
      resized.disconnect();
      scheme.removeEventListener("change", draw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, []);
  useEffect(() => {
    plot.current?.setData(latest.current);
    // Without a pointer over it, the legend tells the newest values.
    if (plot.current && plot.current.cursor.idx == null && samples.length > 0)
      plot.current.setLegend({ idx: samples.length - 1 }, false);
  }, [samples]);
  const last = samples[samples.length - 1];
  const words = last
    ? `Now ${bytes(Math.round(last.inRate))} per second received, ${bytes(Math.round(last.outRate))} per second sent, ${last.peers} peers.`
    : "No measurements yet.";
  return <div ref={box} class="chart" role="img" aria-label={`Transfer rate and peers over the last minutes. ${words}`} />;
}
