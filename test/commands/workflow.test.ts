/* eslint-disable unicorn/no-incorrect-template-string-interpolation -- placeholders of commands look like that */
import {expect} from 'chai'
import {execa} from 'execa'
import {existsSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'

import {workflowJsonSchema} from '../../src/core/workflow/json-schema.ts'
import {temporaryFolder} from '../core/run/temporary-folder.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const BIN = path.join(ROOT, 'bin', 'run.js')
const NODE = JSON.stringify(process.execPath)

/** Tasks that write their names into a file, one after the other; `slow` waits until it is let go. */
const WORKFLOW = `
name: letters
agents:
  writer:
    description: writes letters
    command: [${NODE}, -e, "const fs = require('fs'); fs.appendFileSync('ran', process.argv[1]); console.log(process.argv[1])", "{task_id}"]
  waiter:
    description: waits for somebody
    command: [${NODE}, -e, "const fs = require('fs'); fs.writeFileSync('waiting', ''); const look = () => fs.existsSync('go') ? fs.appendFileSync('ran', 'c') : setTimeout(look, 20); look()"]
tasks:
  - {id: a, agent: writer}
  - {id: b, description: write a letter, dependencies: [a]}
  - {id: c, agent: waiter, dependencies: [b]}
  - {id: d, agent: writer, inputs: {b: b}, dependencies: [c]}
`

describe('npubridge run WORKFLOW', () => {
  const folder = temporaryFolder()
  const file = (name: string) => path.join(folder(), name)
  // eslint-disable-next-line @typescript-eslint/promise-function-async -- what execa gives is more than a promise
  const start = (...parameters: string[]) =>
    execa(process.execPath, [BIN, 'run', ...parameters], {
      cwd: folder(),
      env: {NPUBRIDGE_HOME: file('home')},
      reject: false,
    })
  const eventsOf = (stdout: string) =>
    stdout.split('\n').map((line) => JSON.parse(line) as {type: string; task?: string; report?: object})

  beforeEach(() => {
    writeFileSync(file('w.yaml'), WORKFLOW)
  })

  it('shows what would be done, and does nothing', async () => {
    const {exitCode, stdout} = await start('w.yaml', '--dry-run')
    expect(exitCode).to.equal(0)
    expect(stdout).to.match(/^letters\n├─ level 0\n│ {2}└─ a → writer · command\n/)
    expect(stdout).to.contain('└─ b → writer by lexical · command · after a')
    const {stdout: graph} = await start('w.yaml', '--mermaid')
    expect(graph).to.match(/^graph TD\n {2}t0\["a<br\/>writer"\]/)
    expect(graph).to.contain('t1 --> t2')
    expect(existsSync(file('ran'))).to.equal(false)
  })

  it('tells what happens as JSON Lines, and sums up', async () => {
    writeFileSync(file('go'), '')
    const {exitCode, stderr, stdout} = await start('w.yaml')
    expect(exitCode).to.equal(0)
    const events = eventsOf(stdout)
    expect(events.find(({type}) => type === 'workflow_started')).to.include({tasks: 4, resumed: 0})
    expect(events.filter(({type}) => type === 'task_settled').map(({task}) => task)).to.deep.equal(['a', 'b', 'c', 'd'])
    expect(events.at(-1)!.report).to.include({completed: 4, failed: 0})
    expect(stderr).to.match(/✔ 4 of 4 tasks done in /)
    expect(readFileSync(file('ran'), 'utf8')).to.equal('abcd')
  })

  it('goes on where it was killed, and runs nothing twice', async () => {
    const killed = start('w.yaml')
    while (!existsSync(file('waiting'))) await sleep(20)
    killed.kill('SIGKILL')
    await killed
    expect(readFileSync(file('ran'), 'utf8')).to.equal('ab')
    // What it had started goes on without it; it is let go and waited for.
    writeFileSync(file('go'), '')
    while (readFileSync(file('ran'), 'utf8') !== 'abc') await sleep(20)
    const {exitCode, stderr, stdout} = await start('w.yaml', '--resume')
    expect(exitCode).to.equal(0)
    expect(eventsOf(stdout).find(({type}) => type === 'workflow_started')).to.include({resumed: 2})
    expect(stderr).to.contain('4 of 4 tasks done (2 by an earlier run)')
    expect(readFileSync(file('ran'), 'utf8')).to.equal('abccd')
  })

  it('is interrupted by a signal with 130, and can be resumed', async () => {
    const interrupted = start('w.yaml')
    while (!existsSync(file('waiting'))) await sleep(20)
    interrupted.kill('SIGINT')
    const {exitCode, stderr} = await interrupted
    expect(exitCode).to.equal(130)
    expect(stderr).to.contain('npubridge run w.yaml --resume')
    writeFileSync(file('w.yaml'), WORKFLOW.replace('write a letter', 'write a book'))
    const changed = await start('w.yaml', '--resume')
    expect(changed.exitCode).to.equal(1)
    expect(changed.stderr)
      .to.contain('-  - {id: b, description: write a letter')
      .and.to.contain('+  - {id: b, description: write a book')
  })

  it('ends with 1 where a task fails, and says what is wrong with a workflow', async () => {
    const run = async (text: string, ...flags: string[]) => {
      writeFileSync(file('x.yaml'), text)
      return start('x.yaml', ...flags)
    }

    const failed = await run(`agents: {a: {command: [no-such-program]}}\ntasks: [{id: t, agent: a}]`)
    expect(failed.exitCode).to.equal(1)
    expect(failed.stdout).to.contain('no-such-program cannot be started')
    expect((await run('tasks: []')).stderr).to.contain('the workflow has no tasks (CONFIG_INVALID)')
    expect((await run('agents: {a: {}}\ntasks: [{id: t, agent: b}]')).stderr).to.contain(
      'for the agent "b", which there is not',
    )
    const cycle = 'agents: {a: {}}\ntasks: [{id: x, agent: a, dependencies: [y]}, {id: y, agent: a, dependencies: [x]}]'
    expect((await run(cycle)).stderr).to.contain('tasks wait for each other: "x" → "y" → "x"')
    const broken = await run(cycle, '--break-cycles')
    expect(broken.exitCode).to.equal(0)
    expect(broken.stdout).to.contain('a cycle is broken: x does not wait for y')
    expect((await start('x.yaml', '--break-cycles', '--resume', '--journal', 'nowhere')).stderr).to.contain(
      'there is nothing to resume',
    )
  })

  it('refuses flags of workflows for JSON Lines', async () => {
    writeFileSync(file('ops.jsonl'), '')
    const {exitCode, stderr} = await start('ops.jsonl', '--dry-run')
    expect(exitCode).to.equal(2)
    expect(stderr).to.contain('--dry-run is for workflows, and ops.jsonl is none')
  })

  it('has its schema in the docs', () => {
    const text = readFileSync(path.join(ROOT, 'docs/schemas/workflow.schema.json'), 'utf8')
    expect(JSON.parse(text)).to.deep.equal(structuredClone(workflowJsonSchema()))
  })

  it('has an example of which every task finds its agent', async () => {
    const {exitCode, stdout} = await start(path.join(ROOT, 'examples/review/workflow.yaml'), '--dry-run')
    expect(exitCode).to.equal(0)
    for (const line of [
      'style[README.md] → style-checker',
      'count[src] → code-counter',
      'marks → mark-finder',
      'engine → engine-doctor',
      'types → file-classifier',
      'recording → sound-maker',
      'speech → speech-detector',
      'links → link-checker',
      'summary → summary-writer',
    ]) {
      expect(stdout).to.contain(line)
    }
  })
})
