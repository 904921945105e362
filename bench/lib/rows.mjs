/**
 * One line of the results. `ours` and `floor` are undefined where they could not be, or are not, measured.
 * @typedef {{ name: string, unit: string, ours?: number, floor?: number, goal?: Goal }} Row
 * @typedef {{ max: number } | { min: number }} Goal what ours divided by the floor shall be
 */

/** @returns {Row} */
export const row = (name, unit, ours, floor, goal) => ({ name, unit, ours, floor, goal });

const HEAD = ['Measure', 'Unit', 'Ours', 'Floor', 'Ratio', 'Goal'];
const ALIGN_RIGHT = [false, false, true, true, true, false];

/** The rows as a Markdown table that is readable as it stands. */
export function toTable(rows) {
  const lines = [HEAD, ...rows.map(toCells)];
  const widths = HEAD.map((_, column) => Math.max(3, ...lines.map((cells) => cells[column].length)));
  const pad = (cell, column) =>
    ALIGN_RIGHT[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column]);
  const rule = widths.map(
    (width, column) => '-'.repeat(ALIGN_RIGHT[column] ? width - 1 : width) + (ALIGN_RIGHT[column] ? ':' : ''),
  );
  const [head, ...body] = lines.map((cells) => cells.map(pad));
  return [head, rule, ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function toCells({ name, unit, ours, floor, goal }) {
  const ratio = ours === undefined || !floor ? undefined : ours / floor;
  return [
    name,
    unit,
    toText(ours),
    toText(floor),
    ratio === undefined ? '–' : ratio.toFixed(2),
    goalText(goal, ratio),
  ];
}

function goalText(goal, ratio) {
  if (!goal) return '';
  const text = 'max' in goal ? `≤ ${goal.max}` : `≥ ${goal.min}`;
  const missed = 'max' in goal ? ratio > goal.max : ratio < goal.min;
  return missed ? `${text}, missed` : text;
}

/** Three digits that mean something; what is below the clock's step is not 0. */
function toText(value) {
  if (value === undefined) return '–';
  if (value >= 100) return String(Math.round(value));
  return value >= 10 ? value.toFixed(1) : value.toFixed(value >= 1 ? 2 : 3);
}
