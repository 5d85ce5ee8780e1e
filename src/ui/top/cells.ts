/** Text in columns of a terminal. What comes from elsewhere can neither move the cursor nor be wider than it looks. */

const WIDE =
  /[\u{1100}-\u{115F}\u{2E80}-\u{A4CF}\u{AC00}-\u{D7A3}\u{F900}-\u{FAFF}\u{FE30}-\u{FE6F}\u{FF00}-\u{FF60}\u{FFE0}-\u{FFE6}]|\p{Extended_Pictographic}/u
const NOTHING = /\p{Mn}|\p{Me}|\p{Cf}/u

/** Without anything that a terminal would obey. */
export function plain(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ').toWellFormed()
}

/** How many columns a text takes. */
export function columnsOf(text: string): number {
  let columns = 0
  for (const character of text) columns += widthOf(character)
  return columns
}

function widthOf(character: string): number {
  if (character < '\u{300}') return 1
  if (NOTHING.test(character)) return 0
  return WIDE.test(character) ? 2 : 1
}

/** At most so many columns; what is cut off ends in an ellipsis. */
export function cut(text: string, width: number): string {
  if (text.length <= width && columnsOf(text) <= width) return text
  let [result, columns] = ['', 0]
  for (const character of text) {
    columns += widthOf(character)
    if (columns > width - 1) break
    result += character
  }

  return width < 1 ? '' : `${result}…`
}

export function pad(text: string, width: number, align: 'left' | 'right'): string {
  const blank = ' '.repeat(Math.max(0, width - columnsOf(text)))
  return align === 'left' ? text + blank : blank + text
}
