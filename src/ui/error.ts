import {styleText} from 'node:util'

/** What the terminal needs to know of an error: no type of the layers below leaks in here. */
export interface PrintableError {
  readonly code?: string
  readonly message: string
  readonly suggestions?: readonly string[]
  /** Shown when it is text; other causes are for whoever debugs. */
  readonly cause?: unknown
}

/** An error for a person: what happened, then what to do, one suggestion a line. */
export function renderError(error: PrintableError): string {
  const code = error.code ? ` (${error.code})` : ''
  const head = `${styleText('red', '✖', {stream: process.stderr})} ${error.message}${code}`
  const why = typeof error.cause === 'string' ? [`  Why: ${error.cause}`] : []
  const suggestions = error.suggestions ?? []
  return [
    head,
    ...why,
    ...suggestions.map((suggestion, index) => `${index === 0 ? '  Try: ' : '       '}${suggestion}`),
  ].join('\n')
}
