/** Breaks `text` between words into lines of at most `width` characters; leaves it whole without a width. */
export function wrap(text: string, width: number | undefined): string[] {
  if (width === undefined) return [text]
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (longer.length <= width || line === '') {
      line = longer
    } else {
      lines.push(line)
      line = word
    }
  }

  return [...lines, line]
}
