import {expect} from 'chai'
import {execa} from 'execa'
import {readFileSync} from 'node:fs'
import path from 'node:path'

import {fixtureTree, removeFolders, runMigrate, withoutProcesses} from '../core/migrate/workspace.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')

/** The commands of the snippets: steps of the workflow, and lines of shell. */
function commandsOf(markdown: string): string[] {
  return [...markdown.matchAll(/```(sh|yaml)\n(.*?)```/gs)].flatMap(([, language, code]) =>
    code!.split('\n').flatMap((line) => {
      const command = language === 'sh' ? line : /^ *- run: (.*)$/.exec(line)?.[1]
      return command?.replace(/ +#.*$/, '').trim() || []
    }),
  )
}

/** What a command may end with here: where a test machine has no NPU, asking for one says so. */
const EXIT_CODES: Readonly<Record<string, readonly number[]>> = {
  'npx npubridge probe --require npu': [0, 3],
}

/** Takes half a minute, and is tried by `npm run test:documents`; what it does, by bench/against.test.ts. */
const AGAINST = 'npx npubridge bench --quick --suite coordination --against ../before --fail-on-regression 5%'

/** What the commands of `migrate` are run in: a code base that has moved. */
async function migratedTree(): Promise<string> {
  const root = fixtureTree('v2')
  await runMigrate(root, {}, withoutProcesses())
  return root
}

describe('docs/ci.md', () => {
  const commands = commandsOf(readFileSync(path.join(ROOT, 'docs/ci.md'), 'utf8')).filter((each) => each !== AGAINST)

  it('shows how to probe and how to guard the throughput', () => {
    expect(commands).to.include('npx npubridge probe --require cpu')
    expect(commands).to.include(
      'npx npubridge bench --quick --suite coordination --fail-below coordination.throughput=50000',
    )
  })

  it('shows how to keep legacy code out, with a command that fails where there is some', async () => {
    expect(commands).to.include('npx npubridge migrate --check')
    const args = [path.join(ROOT, 'bin/run.js'), 'migrate', '--check']
    const {exitCode, stdout} = await execa('node', args, {cwd: fixtureTree('v1'), reject: false})
    expect(exitCode, stdout).to.equal(3)
  })

  after(() => {
    removeFolders()
  })

  const attempt = async (command: string) => {
    const [program, ...parameters] = command.replace(/ > [\w.]+$/, '').split(' ')
    // Installing what is installed, in the middle of the tests, would take it away from under them.
    if (program === 'npm') {
      expect((await execa('npm', [...parameters, '--dry-run'], {cwd: ROOT})).exitCode).to.equal(0)
      return
    }

    expect([program, parameters.shift()]).to.deep.equal(['npx', 'npubridge'])
    const cwd = parameters[0] === 'migrate' ? await migratedTree() : process.cwd()
    const run = path.join(ROOT, 'bin/run.js')
    const {exitCode, stderr} = await execa('node', [run, ...parameters], {cwd, reject: false})
    expect(EXIT_CODES[command] ?? [0], stderr).to.include(exitCode)
  }

  for (const command of commands) {
    it(`has a command that works: ${command}`, async () => attempt(command)).timeout(300_000)
  }
})
