import {z} from 'zod'

/** The code of a notebook as one Python text, and which cell each of its lines is from. */
export interface NotebookCode {
  readonly text: string
  /** By line of the text, from 0. */
  readonly lines: ReadonlyArray<{readonly cell: number; readonly line: number}>
}

const SOURCE = z.union([z.string(), z.string().array()])
const CELL = z.object({cell_type: z.string(), source: SOURCE})
const NOTEBOOK = z.object({cells: z.array(CELL)})

/** Cell magics whose cells hold another language. */
const FOREIGN_CELL = /^%%(?:!|bash|cmd|html|javascript|js|latex|markdown|perl|ruby|script|sh|svg|sx|system|writefile)\b/

/** IPython's own syntax, which is no Python: magics, shell lines, help. Replaced in place, so that columns stay. */
function withoutMagic(line: string): string {
  const match = /^(\s*)(?:[%!?]|.*\?\s*$)/.exec(line)
  return match ? `${match[1]}pass` : line
}

/** Null when it is not a notebook of format 4. */
export function notebookCode(json: string): NotebookCode | null {
  let parsed
  try {
    parsed = NOTEBOOK.safeParse(JSON.parse(json))
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }

  if (!parsed.success) return null
  const text: string[] = []
  const lines: Array<{cell: number; line: number}> = []
  for (const [index, cell] of parsed.data.cells.entries()) {
    const source = Array.isArray(cell.source) ? cell.source.join('') : cell.source
    if (cell.cell_type !== 'code' || FOREIGN_CELL.test(source)) continue
    for (const [number, line] of source.split(/\r\n|\r|\n/).entries()) {
      text.push(withoutMagic(line))
      lines.push({cell: index + 1, line: number + 1})
    }
  }

  return {text: text.join('\n'), lines}
}
