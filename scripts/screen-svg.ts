/** How many columns a screen has, as everywhere here. */
export const COLUMNS = 80;

/** In units of the picture: the size of a character, and the margin around all of them. */
const CELL = { width: 8.4, height: 20 };
const MARGIN = 20;

const COLORS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan"] as const;
type Color = (typeof COLORS)[number];
interface Run {
  readonly text: string;
  readonly classes: readonly string[];
}

/** Light, and dark where the reader's screen is. */
const STYLE = `
text { font: 14px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #24292f; white-space: pre }
rect { fill: #fbfaf8; stroke: #d6d3cc }
.bold { font-weight: 700 } .dim { fill: #6b6b68 }
.green { fill: #0d6e66 } .yellow { fill: #8f5b00 } .red { fill: #b3261e } .cyan, .blue { fill: #1767a5 } .magenta { fill: #8a3ffc }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e4df } rect { fill: #16181b; stroke: #34373b } .dim { fill: #9b9b96 }
  .green { fill: #5cc8b8 } .yellow { fill: #e2b354 } .red { fill: #ff8f7d } .cyan, .blue { fill: #74b9f5 } .magenta { fill: #c59bff }
}`;

/**
 * A terminal's screen as a picture whose text stays text. Every run of one style has its place and width said, so that columns
 * stand below each other in any font.
 * @param screen lines as `tmux capture-pane -e` gives them; blank ones at the end are left out
 * @param title for who does not see it
 */
export function screenSvg(screen: string, title: string): string {
  const lines = screen.trimEnd().split("\n");
  const [width, height] = [COLUMNS * CELL.width + 2 * MARGIN, lines.length * CELL.height + 2 * MARGIN];
  const style = new Style();
  const texts = lines.flatMap((line, row) => {
    let column = 0;
    return runsOf(line, style).flatMap(({ text, classes }) => {
      const [x, wide] = [MARGIN + column * CELL.width, text.length * CELL.width];
      column += text.length;
      if (text.trim() === "") return [];
      const of = classes.length === 0 ? "" : ` class="${classes.join(" ")}"`;
      const y = MARGIN + (row + 0.75) * CELL.height;
      return [`<text${of} x="${round(x)}" y="${y}" textLength="${round(wide)}">${escaped(text)}</text>`];
    });
  });
  const size = `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" xml:space="preserve">
<title>${escaped(title)}</title>
<style>${STYLE}
</style>
<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
${texts.join("\n")}
</svg>
`;
}

/** What the codes so far have set; it goes on from line to line. */
class Style {
  #bold = false;
  #dim = false;
  #color: Color | undefined;

  set(code: number): void {
    if (code === 0) [this.#bold, this.#dim, this.#color] = [false, false, undefined];
    else if (code === 1) this.#bold = true;
    else if (code === 2) this.#dim = true;
    else if (code === 22) [this.#bold, this.#dim] = [false, false];
    else if (code === 39) this.#color = undefined;
    else if (code >= 30 && code < 37) this.#color = COLORS[code - 30];
    else if (code !== 49) throw new Error(`the screen has a style that no picture was made of yet: ${code}`);
  }

  classes(): readonly string[] {
    return [this.#bold ? ["bold"] : [], this.#dim ? ["dim"] : [], this.#color ?? []].flat();
  }
}

function runsOf(line: string, style: Style): Run[] {
  return line.split("\u001b[").map((part, i) => {
    const end = i === 0 ? 0 : part.indexOf("m") + 1;
    if (end > 0) for (const code of part.slice(0, end - 1).split(";")) style.set(Number(code));
    return { text: part.slice(end), classes: style.classes() };
  });
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (each) => `&#${each.charCodeAt(0)};`);
}
