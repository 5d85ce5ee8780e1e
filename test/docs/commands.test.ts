import {expect} from 'chai'
import {globSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {format} from 'prettier'

import type {CommandManifest} from '../../scripts/man/man-page.ts'

import {errorReference} from '../../scripts/errors/reference.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8')
const {commands} = JSON.parse(read('oclif.manifest.json')) as CommandManifest
const {scripts} = JSON.parse(read('package.json')) as {scripts: Record<string, string>}
const ids = new Set(Object.keys(commands))
/** Words that commands begin with; `autocomplete` comes from its plugin. */
const topics = new Set(['autocomplete', ...[...ids].map((id) => id.split(':', 1)[0]!)])
const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', ...globSync('docs/*.md', {cwd: ROOT})]

/** What is written as code: lines of shell, and commands in the text. */
function codeOf(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/```(?:sh|yaml)?\n(.*?)```/gs)].flatMap((match) => match[1]!.split('\n'))
  const inline = [...markdown.replaceAll(/```.*?```/gs, '').matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!)
  return [...blocks, ...inline].map((line) => line.replace(/ +#.*$/, '').replaceAll(/'[^']*'|"[^"]*"/g, 'X'))
}

/** What is wrong with the calls of npubridge in a line. */
function problemsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|[\s(])npubridge ((?:[a-z][\w-]*|-)[^|;&>)]*)/g)].flatMap((match) => {
    const words = match[1]!.trim().split(/\s+/)
    const id = [words.slice(0, 2).join(':'), words[0]!].find((candidate) => ids.has(candidate))
    if (id === undefined)
      return topics.has(words[0]!) || words[0]!.startsWith('-') ? [] : [`${line}: there is no command ${words[0]}`]
    const known = new Set(
      Object.values(commands[id]!.flags).flatMap(({name, char}) => [`--${name}`, `--no-${name}`, `-${char}`]),
    )
    return words
      .filter((word) => /^--?[a-z]/.test(word))
      .map((word) => word.split('=', 1)[0]!.replace(/\W+$/, ''))
      .filter((flag) => !known.has(flag) && !['--help', '--json', '--no-color'].includes(flag))
      .map((flag) => `${line}: ${id} has no ${flag}`)
  })
}

describe('the documents', () => {
  it('name no command and no flag that there is not', () => {
    const problems = DOCUMENTS.flatMap((file) => codeOf(read(file))).flatMap((line) => problemsOf(line))
    expect(problems).to.deep.equal([])
  })

  it('would not get away with one', () => {
    expect(problemsOf('npubridge prob')).to.deep.equal(['npubridge prob: there is no command prob'])
    expect(problemsOf('npx npubridge run ops.jsonl --fast > out')).to.have.length(1)
    expect(problemsOf('npubridge migrate rollback . --yes')).to.deep.equal([])
  })

  it('name no script that there is not', () => {
    const code = DOCUMENTS.flatMap((file) => codeOf(read(file))).join('\n')
    const named = [...code.matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1]!)
    expect(named).to.include('test:packaged')
    expect(Object.keys(scripts)).to.include.members(named)
  })

  it('lead to files that there are', () => {
    const dead = DOCUMENTS.flatMap((file) =>
      [...read(file).matchAll(/\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)/g)]
        .map((match) => path.join(path.dirname(file), match[1]!))
        .filter((target) => globSync(target, {cwd: ROOT}).length === 0)
        .map((target) => `${file}: ${target}`),
    )
    expect(dead).to.deep.equal([])
  })

  it('have every error code as the code has it: npm run docs:errors', async () => {
    const options = {...(JSON.parse(read('.prettierrc.json')) as object), parser: 'markdown'}
    expect(read('docs/errors.md')).to.equal(await format(errorReference(), options))
  })

  it('name the dependencies that run something when they are installed', () => {
    const {packages} = JSON.parse(read('package-lock.json')) as {
      packages: Record<string, {dev?: boolean; hasInstallScript?: boolean}>
    }
    for (const [name, {hasInstallScript, dev}] of Object.entries(packages)) {
      if (hasInstallScript && !dev) expect(read('docs/security.md')).to.contain(name.replace('node_modules/', ''))
    }
  })
})
