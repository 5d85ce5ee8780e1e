/** Text that takes its own place again and again on a terminal, and is appended elsewhere. */
import {stripVTControlCharacters} from 'node:util'

/** @param print writes a text and a line feed to `stream` */
export function liveView(
  stream: {readonly columns?: number; readonly isTTY?: boolean; write(text: string): unknown},
  print: (text: string) => void,
): (text: string) => void {
  let lines = 0
  return (text) => {
    if (lines > 0 && stream.isTTY) stream.write(`\u{1B}[${lines}A\u{1B}[0J`)
    print(text)
    lines = text.split('\n').reduce((sum, line) => sum + rowsOf(line, stream.columns ?? 80), 0)
  }
}

function rowsOf(line: string, columns: number): number {
  return Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns))
}
