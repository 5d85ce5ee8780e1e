/** What is shipped with npubridge: npm packages that it depends on, and crates that are compiled into the add-on and the wheel. */
import {execFileSync} from 'node:child_process'
import {readFileSync} from 'node:fs'
import path from 'node:path'

import {ROOT} from '../release/packages.ts'

export interface Component {
  readonly kind: 'cargo' | 'npm'
  readonly name: string
  readonly version: string
  /** An SPDX expression, or null where none is stated. */
  readonly licence: null | string
  /** SHA-512 (npm) or nothing. */
  readonly integrity?: string | undefined
}

/** The npm packages of the lock file that are installed with npubridge, each version once. */
export function npmComponents(): Component[] {
  const lock = JSON.parse(readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<
      string,
      {version: string; license?: string; integrity?: string; dev?: boolean; devOptional?: boolean}
    >
  }
  const found = Object.entries(lock.packages)
    .filter(([file, {dev, devOptional}]) => file !== '' && !dev && !devOptional)
    .map(([file, {version, license, integrity}]): Component => {
      const name = file.slice(file.lastIndexOf('node_modules/') + 'node_modules/'.length)
      return {kind: 'npm', name, version, licence: license ?? null, integrity}
    })
  return [...new Map(found.map((component) => [`${component.name}@${component.version}`, component])).values()]
}

interface Metadata {
  readonly packages: ReadonlyArray<{
    readonly id: string
    readonly name: string
    readonly version: string
    readonly license: null | string
  }>
  readonly resolve: {
    readonly nodes: ReadonlyArray<{
      readonly id: string
      readonly deps: ReadonlyArray<{
        readonly pkg: string
        readonly dep_kinds: ReadonlyArray<{readonly kind: null | string}>
      }>
    }>
  }
}

/** The crates that end up in the add-on and the wheel: what is only needed to build or test is none of them. */
export function cargoComponents(): Component[] {
  const manifest = path.join(ROOT, 'native', 'Cargo.toml')
  const stdout = execFileSync('cargo', ['metadata', '--format-version', '1', '--locked', '--manifest-path', manifest], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  const {packages, resolve} = JSON.parse(stdout) as Metadata
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]))
  const shipped = new Set<string>()
  const visit = (id: string): void => {
    if (shipped.has(id)) return
    shipped.add(id)
    for (const {pkg, dep_kinds: kinds} of nodes.get(id)?.deps ?? []) {
      if (kinds.some(({kind}) => kind === null)) visit(pkg)
    }
  }

  for (const {id, name} of packages) if (name === 'npubridge-node' || name === 'npubridge-python') visit(id)
  return packages
    .filter(({id, name}) => shipped.has(id) && !name.startsWith('npubridge-'))
    .map(({name, version, license}) => ({kind: 'cargo', name, version, licence: license}))
}

/** The licences that npubridge may ship: those of native/deny.toml. */
export function allowedLicences(): Set<string> {
  const text = readFileSync(path.join(ROOT, 'native', 'deny.toml'), 'utf8')
  const list = /\[licenses\]\s+allow = \[([^\]]*)\]/.exec(text)?.[1] ?? ''
  return new Set([...list.matchAll(/"([^"]+)"/g)].map((match) => match[1]!))
}

/** Whether an SPDX expression can be met with `allowed`: each part of AND, one part of OR. */
export function isAllowed(expression: string, allowed: ReadonlySet<string>): boolean {
  const text = expression.replaceAll('/', ' OR ').trim()
  const parts = (operator: string) => splitOutside(text, operator)
  if (parts(' AND ').length > 1) return parts(' AND ').every((part) => isAllowed(part, allowed))
  if (parts(' OR ').length > 1) return parts(' OR ').some((part) => isAllowed(part, allowed))
  return text.startsWith('(') && text.endsWith(')') ? isAllowed(text.slice(1, -1), allowed) : allowed.has(text)
}

/** Splits where no bracket is open. */
function splitOutside(text: string, separator: string): string[] {
  const parts = ['']
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') depth++
    if (text[at] === ')') depth--
    if (depth === 0 && text.startsWith(separator, at)) {
      parts.push('')
      at += separator.length - 1
    } else parts[parts.length - 1] += text[at]!
  }

  return parts
}
