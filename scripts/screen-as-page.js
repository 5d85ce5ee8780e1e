// A terminal's screen, as tmux captures it with its colours, as a page.
const COLOURS = {31: '#ff7b72', 32: '#4cc38a', 33: '#f0a75a'}
const ESCAPED = {'&': '&amp;', '<': '&lt;', '>': '&gt;'}

export function screenAsPage(screen, {columns, rows}) {
  let style = {}
  // Parts are text, then the numbers of an escape sequence, in turns.
  // eslint-disable-next-line no-control-regex -- it is what terminals take
  const parts = screen.split(/\u{1B}\[([\d;]*)m/u).map((part, index) => {
    if (index % 2 === 0) return `<span style="${cssOf(style)}">${escape(part)}</span>`
    for (const code of part.split(';')) style = styled(style, Number(code))
    return ''
  })
  return `<!doctype html><meta charset="utf-8"><style>
    body { margin: 0 }
    pre { background: #0e1217; color: #e4e8ee; margin: 0; padding: 12px; font: 14px/1.25 'DejaVu Sans Mono', monospace;
      width: ${columns}ch; height: ${rows * 1.25}em; overflow: hidden }
  </style><pre>${parts.join('')}</pre>`
}

function styled(style, code) {
  if (code === 0) return {}
  if (code === 39) return {...style, colour: undefined}
  if (code === 22) return {...style, isBold: false, isDim: false}
  return {
    colour: COLOURS[code] ?? style.colour,
    isBold: style.isBold || code === 1,
    isDim: style.isDim || code === 2,
  }
}

function cssOf({colour, isBold, isDim}) {
  return `${colour ? `color:${colour};` : ''}${isBold ? 'font-weight:bold;' : ''}${isDim ? 'opacity:.65;' : ''}`
}

function escape(text) {
  return text.replaceAll(/[&<>]/g, (each) => ESCAPED[each])
}
