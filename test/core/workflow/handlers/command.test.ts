import {expect} from 'chai'
import {existsSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'

import type {CommandHandler, TaskContext} from '../../../../src/core/agents/agent.ts'

import {runCommand} from '../../../../src/core/workflow/handlers/command.ts'
import {rejectionOf} from '../../run/expect-error.ts'
import {temporaryFolder} from '../../run/temporary-folder.ts'

const CONTEXT: TaskContext = {
  agent: 'worker',
  attempt: 1,
  description: 'a text',
  inputs: {count: 3, name: 'n m'},
  signal: new AbortController().signal,
  taskId: 't1',
  workflowId: 'w',
}

describe('runCommand', () => {
  const folder = temporaryFolder()
  const handler = (argv: readonly string[], more: Partial<CommandHandler> = {}): CommandHandler => ({
    kind: 'command',
    argv: argv as [string, ...string[]],
    cwd: folder(),
    env: [],
    maxOutputBytes: 10_000,
    output: 'text',
    timeoutMs: 20_000,
    ...more,
  })
  const script = (code: string, ...parameters: string[]) => [process.execPath, '-e', code, '--', ...parameters]
  const run = async (argv: readonly string[], more: Partial<CommandHandler> = {}, context: Partial<TaskContext> = {}) =>
    runCommand(handler(argv, more), {...CONTEXT, ...context}, {graceMs: 100})

  it('puts the task into the arguments and gives it on stdin', async () => {
    const shown =
      'process.stdin.setEncoding("utf8").on("data", (text) => console.log(JSON.stringify([process.argv.slice(1), JSON.parse(text)])))'
    const {note, output} = await run(
      script(shown, '{task_id}: {description}', '{inputs.count}', '{inputs}', '{other}'),
      {output: 'json'},
    )
    expect(note).to.equal(null)
    expect(output).to.deep.equal([
      ['t1: a text', '3', '{"count":3,"name":"n m"}', '{other}'],
      {task_id: 't1', description: 'a text', inputs: {count: 3, name: 'n m'}},
    ])
  })

  it('lets no description reach a shell', async () => {
    const target = path.join(folder(), 'pwned')
    for (const description of [
      `$(touch ${target})`,
      `; touch ${target}`,
      `\`touch ${target}\``,
      `| tee ${target}`,
      `" && touch ${target} #`,
      '{inputs.name}',
      '\n',
      '%PATH%',
    ]) {
      const {output} = await run(script('console.log(process.argv[1])', '{description}'), {}, {description})
      expect(output).to.equal(description)
    }

    expect(existsSync(target)).to.equal(false)
    await rejectionOf(
      run(script('', '{description}'), {}, {description: 'a\0b'}),
      'INVALID_ARGUMENT',
      /has a NUL character/,
    )
  })

  it('gives programs few variables, and those that are named', async () => {
    process.env.NPUBRIDGE_TEST_SECRET = 'secret'
    process.env.NPUBRIDGE_TEST_NAMED = 'named'
    try {
      const {output} = await run(script('console.log(JSON.stringify(process.env))'), {
        env: ['NPUBRIDGE_TEST_NAMED', 'SET=a=b'],
        output: 'json',
      })
      expect(output).to.include({NPUBRIDGE_TEST_NAMED: 'named', SET: 'a=b', PATH: process.env.PATH})
      expect(output).to.not.have.property('NPUBRIDGE_TEST_SECRET')
    } finally {
      delete process.env.NPUBRIDGE_TEST_SECRET
      delete process.env.NPUBRIDGE_TEST_NAMED
    }
  })

  it('says what failed', async () => {
    await rejectionOf(
      run(script('console.error("no such thing"); process.exit(3)')),
      'INVALID_ARGUMENT',
      /\(task "t1"\) gave exit code 3: no such thing$/,
    )
    await rejectionOf(run(script('process.kill(process.pid, "SIGKILL")')), 'INVALID_ARGUMENT', /was ended by SIGKILL/)
    const missing = await rejectionOf(
      run(['no-such-program-anywhere']),
      'INVALID_ARGUMENT',
      /^no-such-program-anywhere cannot be started in /,
    )
    expect(missing.suggestions[0]).to.contain('is it installed and on PATH?')
    await rejectionOf(run(script('console.log("{")'), {output: 'json'}), 'INVALID_ARGUMENT', /did not write JSON/)
    await rejectionOf(run(script('', '{inputs.nothing}')), 'INVALID_ARGUMENT', /has no input "nothing"/)
  })

  it('ends what takes too long, and all that it has started', async () => {
    const pidFile = path.join(folder(), 'pid')
    const code = `
      process.on('SIGTERM', () => {})
      const child = require('child_process').spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)'], {stdio: 'inherit'})
      require('fs').writeFileSync(${JSON.stringify(pidFile)}, String(child.pid))
      setInterval(() => {}, 1000)`
    await rejectionOf(
      run(script(code), {timeoutMs: 1500}),
      'DEADLINE_EXCEEDED',
      /took longer than 1500 ms and was ended/,
    )
    const pid = Number(readFileSync(pidFile, 'utf8'))
    for (let tries = 0; isAlive(pid) && tries < 100; tries++) await sleep(20)
    expect(isAlive(pid)).to.equal(false)
  })

  it('ends what writes without end', async () => {
    await rejectionOf(
      run(
        script(
          'const line = "x".repeat(65536); const write = () => { while (process.stdout.write(line)); process.stdout.once("drain", write) }; write()',
        ),
      ),
      'RESOURCE_EXHAUSTED',
      /wrote more than 10000 bytes to stdout and was ended/,
    )
  })

  it('reads output that is not UTF-8, and says so', async () => {
    const {note, output} = await run(script('process.stdout.write(Buffer.from([0x61, 0xff, 0x62]))'))
    expect(output).to.equal('a\u{FFFD}b')
    expect(note).to.match(/^stdout is not UTF-8/)
  })

  it('stops when it is told to', async () => {
    const controller = new AbortController()
    const running = run(script('setInterval(() => {}, 1000)'), {}, {signal: controller.signal})
    setTimeout(() => {
      controller.abort()
    }, 50)
    await rejectionOf(running, 'CANCELLED', 'interrupted')
  })
})

/** A zombie that nobody has waited for yet is dead. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
