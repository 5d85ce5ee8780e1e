import {parse, registerDynamicLanguage, type SgNode} from '@ast-grep/napi'
import {existsSync} from 'node:fs'
import {createRequire} from 'node:module'

import {NpuBridgeError} from '../../errors.ts'

export type Node = SgNode

interface GrammarPackage {
  readonly libraryPath: string
  readonly extensions: string[]
  readonly languageSymbol: string
  readonly expandoChar: string
}

let registered = false

/** A missing grammar aborts the whole process when it is registered, so its file is looked for first. */
function register(): void {
  if (registered) return
  let python: GrammarPackage
  let library: string
  try {
    python = createRequire(import.meta.url)('@ast-grep/lang-python') as GrammarPackage
    library = python.libraryPath
  } catch (error) {
    throw new NpuBridgeError(
      'INTERNAL',
      `the Python grammar of @ast-grep/lang-python cannot be loaded: ${String(error)}`,
      {
        cause: error,
        suggestions: ['npm install --force @ast-grep/lang-python'],
      },
    )
  }

  if (!existsSync(library)) {
    throw new NpuBridgeError('INTERNAL', `the Python grammar is missing: ${library}`, {
      suggestions: [`npm rebuild @ast-grep/lang-python (no prebuilt grammar for ${process.platform} ${process.arch})`],
    })
  }

  // Once a process: a second registration is an error.
  const {extensions, languageSymbol, expandoChar} = python
  registerDynamicLanguage({python: {libraryPath: library, extensions, languageSymbol, expandoChar}})
  registered = true
}

/** The syntax tree of a Python source. It never fails: what is not Python has ERROR nodes in it. */
export function parsePython(text: string): Node {
  register()
  return parse('python', text).root()
}
