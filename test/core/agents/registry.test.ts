import {expect} from 'chai'
import {once} from 'node:events'
import {mkdirSync, rmSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import {type AgentList, findAgent, readAgents, usualAgentsFolder} from '../../../src/core/agents/registry.ts'
import {AgentWatcher} from '../../../src/core/agents/watch.ts'
import {errorOf} from '../run/expect-error.ts'
import {temporaryFolder} from '../run/temporary-folder.ts'

describe('readAgents', () => {
  const folder = temporaryFolder()
  const agents = () => path.join(folder(), '.claude', 'agents')
  const write = (name: string, text: string) => {
    mkdirSync(agents(), {recursive: true})
    writeFileSync(path.join(agents(), name), text)
  }

  it('reads files as people write them for Claude Code', () => {
    write(
      'reviewer.md',
      '---\nname: Code-Reviewer\ndescription: Use when: code is to be reviewed, e.g. "look at this"\ntools: Read, Grep\nmodel: sonnet\n---\nYou review.\n',
    )
    const agent = findAgent(readAgents({folders: [agents()]}), ' CODE-reviewer ')
    expect(agent).to.deep.include({
      name: 'code-reviewer',
      description: 'Use when: code is to be reviewed, e.g. "look at this"',
      tools: ['Read', 'Grep'],
      model: 'sonnet',
      handler: null,
      maxParallel: null,
      priority: 50,
    })
  })

  it('reads who does the tasks', () => {
    write(
      'linter.md',
      '---\nname: linter\ndescription: lints: all\ncommand: [npx, eslint, "{inputs.file}"]\ncwd: src\nenv:\n  - CI\n  - COLOR=0\ntimeout_ms: 500\nmax_parallel: 2\noutput: json\npriority: 7\nexamples:\n  - is it tidy\n  - "look: here"\n---\n',
    )
    write(
      'seer.md',
      '---\noperation: {type: inference, model: magika, inputs: {bytes: {file: "{inputs.file}"}}}\n---\n',
    )
    const list = readAgents({folders: [agents()]})
    expect(findAgent(list, 'linter')).to.deep.include({
      examples: ['is it tidy', 'look: here'],
      maxParallel: 2,
      priority: 7,
      handler: {
        kind: 'command',
        argv: ['npx', 'eslint', '{inputs.file}'],
        cwd: path.join(folder(), 'src'),
        env: ['CI', 'COLOR=0'],
        maxOutputBytes: 1_048_576,
        output: 'json',
        timeoutMs: 500,
      },
    })
    expect(findAgent(list, 'seer').handler).to.deep.equal({
      kind: 'operation',
      folder: folder(),
      template: {type: 'inference', model: 'magika', inputs: {bytes: {file: '{inputs.file}'}}},
    })
  })

  it('tells what is wrong with a file, and reads the others', () => {
    write('good.md', '---\nname: good\n---\n')
    write('unclosed.md', '---\nname: x\n')
    write('command.md', '---\ncommand: rm -rf /\n---\n')
    write('both.md', '---\ncommand: [a]\noperation: {type: echo}\n---\n')
    write('program.md', '---\ncommand: ["{description}"]\n---\n')
    write('env.md', '---\ncommand: [a]\nenv: ["A B"]\n---\n')
    write('bomb.md', '---\ncommand: [&a [x], *a]\n---\n')
    const {agents: found, problems} = readAgents({folders: [agents()]})
    expect([...found.keys()]).to.deep.equal(['good'])
    const told = Object.fromEntries(problems.map(({file, message}) => [path.basename(file), message]))
    expect(told['unclosed.md']).to.match(/never closed/)
    expect(told['command.md']).to.match(/^command: /)
    expect(told['both.md']).to.equal('command and operation exclude each other')
    expect(told['program.md']).to.equal('command[0] is the program and takes no placeholder')
    expect(told['env.md']).to.match(/^env\.0: .*a name, or NAME=value/)
    expect(told).to.have.property('bomb.md')
  })

  it('runs no commands where they are not allowed', () => {
    write('runner.md', '---\nname: runner\ncommand: ["true"]\n---\n')
    write('other.md', '---\nname: other\n---\n')
    const {agents: found, problems} = readAgents({
      allowCommands: false,
      defined: {own: {command: ['x']}},
      folders: [agents()],
    })
    expect([...found.keys()]).to.deep.equal(['other'])
    expect(problems.map(({message}) => message)).to.have.members([
      'agent "own" runs a command, which is not allowed here',
      'agent "runner" runs a command, which is not allowed here',
    ])
  })

  it('takes the first of two agents of one name, and functions before all', () => {
    write('a.md', '---\nname: same\ndescription: of a file\n---\n')
    const run = () => 1
    const list = readAgents({
      callbacks: {Same: run, New: run},
      defined: {same: {description: 'own'}},
      folders: [agents()],
    })
    expect(findAgent(list, 'same')).to.deep.include({description: 'own', handler: {kind: 'callback', run}})
    expect(findAgent(list, 'new').handler).to.deep.equal({kind: 'callback', run})
    expect(list.problems[0]!.message).to.equal('agent "same" is already described by the workflow')
  })

  it('names the nearest agent, and a folder that is not there', () => {
    write('a.md', '---\nname: debugger\n---\n')
    const list = readAgents({folders: [agents()]})
    const {suggestions} = errorOf(() => findAgent(list, 'debuger'), 'INVALID_ARGUMENT', 'there is no agent "debuger"')
    expect(suggestions[0]).to.equal('did you mean "debugger"?')
    errorOf(() => readAgents({folders: [path.join(folder(), 'none')]}), 'INVALID_ARGUMENT', /cannot be read/)
  })

  it('looks in the usual places', () => {
    expect(usualAgentsFolder(folder())).to.equal(undefined)
    mkdirSync(path.join(folder(), 'agents'))
    expect(usualAgentsFolder(folder())).to.equal(path.join(folder(), 'agents'))
    write('a.md', '')
    expect(usualAgentsFolder(folder())).to.equal(agents())
  })

  it('is told when files come and go', async () => {
    write('a.md', '---\nname: a\n---\n')
    const lists: AgentList[] = []
    const changes = new EventTarget()
    using _watcher = new AgentWatcher({folders: [agents()]}, (event) => {
      if ('list' in event) lists.push(event.list)
      changes.dispatchEvent(new Event('change'))
    })
    const change = async (action: () => void, expected: string) => {
      action()
      while (lists.at(-1)?.agents.size !== Number(expected)) {
        await once(changes, 'change')
      }
    }

    await change(() => {
      write('b.md', '---\nname: b\n---\n')
    }, '2')
    await change(() => {
      rmSync(path.join(agents(), 'a.md'))
    }, '1')
    expect([...lists.at(-1)!.agents.keys()]).to.deep.equal(['b'])
  })
})
