import {expect} from 'chai'
import {globSync, readFileSync} from 'node:fs'
import path from 'node:path'

const ROOT = path.resolve(import.meta.dirname, '..')

type Layer = 'base' | 'command' | 'core' | 'engine' | 'root' | 'ui'

/** Who may import whom; a layer may always import itself. See docs/architecture.md. */
const ALLOWED: Record<Layer, readonly Layer[]> = {
  base: ['core', 'ui'],
  command: ['base', 'core', 'engine', 'ui'],
  core: ['engine'],
  engine: ['core'],
  root: ['core', 'engine'],
  ui: [],
}

/** What only one layer may import, so that no other one prints or parses a command line. */
const PACKAGES: Record<string, readonly Layer[]> = {
  '@oclif/core': ['base', 'command'],
  'cli-table3': ['ui'],
  listr2: ['ui'],
}

/** The only files outside its folder that the engine port may lean on: they depend on nothing themselves. */
const ENGINE_MAY_IMPORT = new Set(['src/core/errors.ts', 'src/core/paths.ts'])

/** What every command shares. */
const BASE = new Set(['src/base-command.ts', 'src/help.ts', 'src/pool-command.ts'])

function layerOf(file: string): Layer {
  if (file.startsWith('src/commands/')) return 'command'
  if (file.startsWith('src/ui/')) return 'ui'
  if (file.startsWith('src/core/engine/')) return 'engine'
  if (file.startsWith('src/core/')) return 'core'
  // What is too long for the file of a command, or shared by several, belongs to their base: flags and examples.
  return BASE.has(file) || /^src\/(?:examples|flags)\//.test(file) ? 'base' : 'root'
}

/** Each import of `source` that survives compilation, types included, as written. */
function importsOf(source: string): string[] {
  return [
    ...source.matchAll(
      /^\s*(?:import|export)\b[^'"\n;]*?(?:from\s*)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm,
    ),
  ].map((match) => (match[1] ?? match[2])!)
}

function violationsOf(file: string): string[] {
  const layer = layerOf(file)
  return importsOf(readFileSync(path.join(ROOT, file), 'utf8')).flatMap((specifier) => {
    if (!specifier.startsWith('.')) {
      const layers = PACKAGES[specifier]
      return layers && !layers.includes(layer) ? [`${file} imports ${specifier}`] : []
    }

    const target = path.relative(ROOT, path.resolve(ROOT, path.dirname(file), specifier))
    const targetLayer = layerOf(target)
    if (layer === 'engine' && targetLayer === 'core' && !ENGINE_MAY_IMPORT.has(target))
      return [`${file} imports ${target}`]
    return targetLayer === layer || ALLOWED[layer].includes(targetLayer) ? [] : [`${file} imports ${target}`]
  })
}

describe('layers', () => {
  const files = globSync('src/**/*.ts', {cwd: ROOT})

  it('depend in one direction only', () => {
    expect(files).to.not.be.empty
    expect(files.flatMap((file) => violationsOf(file))).to.deep.equal([])
  })

  it('notices an import against the direction', () => {
    expect(
      importsOf("import type {A} from '../commands/run.ts'\nexport * from './b.ts'\nawait import('./c.ts')"),
    ).to.deep.equal(['../commands/run.ts', './b.ts', './c.ts'])
    expect(ALLOWED.core).to.not.include(layerOf('src/commands/run.ts'))
  })
})
