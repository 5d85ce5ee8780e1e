import type {Generation} from '../scan/shape.ts'
import type {LineEnd} from '../scan/source.ts'

import {COMMON} from './common-template.ts'
import {MAIN, WRAPPER_NAMES} from './compat-names.ts'
import {type Strategy, withHeader, WRAPPER_MARKER} from './header.ts'
import {REPLACE} from './replace-template.ts'
import {SHADOW} from './shadow-template.ts'

export interface WrapperRequest {
  readonly version: string
  readonly strategy: Strategy
  readonly generation: Generation
  /** What the original called its class. */
  readonly className: string
  /** From the wrapper's folder to the archived original, with `/`. */
  readonly archive: string
  readonly archiveSha256: string
  /** What `from module import *` gave to callers. */
  readonly exported: readonly string[]
  /** Names that the original has, or null when they cannot be told. */
  readonly archived: readonly string[] | null
  /** The original's first line when it is a shebang, else empty. */
  readonly shebang: string
  /** Whether the original did something when run as a script. */
  readonly hasMain: boolean
  readonly lineEnd: LineEnd
}

/** An ASCII Python literal. */
function literal(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[^ -~]/g,
    (char) => String.raw`\u${char.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  )
}

function tuple(names: readonly string[], indent: string): string {
  if (names.length === 0) return '()'
  return `(\n${names.map((name) => `${indent}    ${literal(name)},\n`).join('')}${indent})`
}

function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/@@([A-Z]+)@@/g, (_, name: string) => values[name]!)
}

/** The text of a wrapper: the same request gives the same text, whenever and wherever it is made. */
export function renderWrapper(request: WrapperRequest): string {
  const common = fill(COMMON, {
    VERSION: literal(request.version),
    MARKER: literal(WRAPPER_MARKER),
    ARCHIVE: literal(request.archive),
  })
  const isRenamed = request.className !== 'NPUCoordinationBridge'
  const body = fill(request.strategy === 'shadow' ? SHADOW : REPLACE, {
    COMMON: common,
    ARCHIVED: request.archived === null ? 'None' : tuple(request.archived, ''),
    NAMES: tuple(WRAPPER_NAMES, ''),
    ALL: `[\n${request.exported.map((name) => `        ${literal(name)},\n`).join('')}    ]`,
    ALIAS: isRenamed ? `    ${request.className} = NPUCoordinationBridge\n` : '',
    CLASS: request.className,
    MAIN: request.hasMain
      ? `\nif __name__ == "__main__" and _npubridge_compat is not None:\n    ${MAIN[request.generation]}\n`
      : '',
  })
  const text = withHeader(
    request.shebang,
    {
      version: request.version,
      strategy: request.strategy,
      archive: request.archive,
      archiveSha256: request.archiveSha256,
    },
    body,
  )
  return request.lineEnd === '\n' ? text : text.split('\n').join(request.lineEnd)
}
