/** A folder with the installed name on its PATH, in which the lines of one document after the other are run. */
import {expect} from 'chai'
import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {chmodSync, mkdirSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {text} from 'node:stream/consumers'
import {setTimeout as sleep} from 'node:timers/promises'

import {BIN} from '../../support/cli.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'
import {freePort} from '../../support/redis.ts'
import {fillFolder} from './folder.ts'
import {expectedCodes, isLasting} from './lines.ts'

const FIRST_WORD_MS = 60_000
const ENDS_MS = 40_000
/** The build that there is, as the one from before. */
const BUILD = path.dirname(path.dirname(BIN))
const SERVES = /npubridge serve\b(?! st)/

interface Lasting {
  readonly line: string
  readonly child: ChildProcess
}

export class Scene {
  #folder = ''
  #env: NodeJS.ProcessEnv = {}
  #ports = {grpc: 0, http: 0, redis: 0}
  #lasting: Lasting[] = []

  async open(): Promise<void> {
    this.#folder = await makeFolder()
    await fillFolder(this.#folder)
    const programs = path.join(this.#folder, 'programs')
    mkdirSync(programs)
    for (const [name, start] of Object.entries({npubridge: '', npx: 'shift; '})) {
      const file = path.join(programs, name)
      writeFileSync(file, `#!/bin/sh\n${start}exec '${process.execPath}' '${BIN}' "$@"\n`)
      chmodSync(file, 0o755)
    }

    this.#env = {...process.env, PATH: `${programs}:${process.env.PATH}`}
    this.#ports = {grpc: await freePort(), http: await freePort(), redis: await freePort()}
  }

  /** Ends what goes on, the youngest first, as Ctrl-C or a service manager would. */
  async close(): Promise<void> {
    await this.#end(() => true)
    await removeFolder(this.#folder)
  }

  /** Runs a line as it is documented, and what it needs before it. */
  async run(documented: string): Promise<void> {
    await this.#provide(documented)
    const line = this.#adapted(documented)
    if (SERVES.test(line)) await this.#end(({line: other}) => SERVES.test(other))
    if (isLasting(line)) {
      await this.#start(line)
      return
    }

    const child = this.#shell(line)
    const [output, errors] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'exit')])
    expect(child.exitCode, output + errors).to.be.oneOf([...expectedCodes(line)])
  }

  async #end(isMeant: (lasting: Lasting) => boolean): Promise<void> {
    for (const {child, line} of this.#lasting.filter((each) => isMeant(each)).toReversed()) {
      if (child.exitCode !== null) continue
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      const outcome = await Promise.race([ended, sleep(ENDS_MS, ['late'])])
      child.kill('SIGKILL')
      expect(outcome[0] ?? outcome[1], line).to.be.oneOf([0, 130, 143, 'SIGTERM'])
    }

    this.#lasting = this.#lasting.filter((each) => !isMeant(each))
  }

  /** With the ports of this scene, and a pool that is here. */
  #adapted(line: string): string {
    const {grpc, http, redis} = this.#ports
    const here = line
      .replaceAll(/(?:127\.0\.0\.1|localhost|host):8000/g, () => `127.0.0.1:${http}`)
      .replaceAll(/redis:\/\/[\w.]+:6379/g, () => `redis://127.0.0.1:${redis}`)
      .replaceAll('"…"', '"look for typing mistakes"')
      .replaceAll('~/agents', 'agents')
      .replaceAll('../before', () => BUILD)
    if (here.startsWith('redis-server')) return `${here} --port ${redis}`
    return SERVES.test(here) ? `${here} --port ${http} --grpc-port ${grpc}` : here
  }

  #shell(line: string): ChildProcess {
    // The program in place of the shell where it is one, so that a signal reaches it.
    const isPipe = line.includes(' | ')
    const stdio = ['ignore', 'pipe', 'pipe'] as const
    return spawn('sh', ['-c', isPipe ? line : `exec ${line}`], {cwd: this.#folder, env: this.#env, stdio: [...stdio]})
  }

  /** Starts what goes on, until it has said its first word. */
  async #start(line: string): Promise<void> {
    const child = this.#shell(line)
    this.#lasting.push({child, line})
    let errors = ''
    child.stderr!.on('data', (part) => {
      errors += String(part)
    })
    const said = Promise.race([once(child.stdout!, 'data'), once(child, 'exit').then(() => ['exit'])])
    const first = (await Promise.race([said, sleep(FIRST_WORD_MS, ['nothing'])])) as unknown[]
    expect(first[0], `${line}: ${errors}`).to.be.instanceOf(Uint8Array)
    child.stdout!.resume()
  }

  /** What documents leave to the reader: a Redis and a worker for the pool, and a server to look at. */
  async #provide(line: string): Promise<void> {
    const runs = (part: RegExp) => this.#lasting.some((each) => part.test(each.line))
    const start = async (what: string) => this.#start(this.#adapted(what))
    if (line.includes('redis://') && !runs(/^redis-server/)) await start('redis-server --save ""')
    const needsWorker = /--cluster|cluster status/.test(line) && !runs(/ worker /)
    if (needsWorker) await start('npubridge worker --queue redis://127.0.0.1:6379')
    const needsServer = /:8000|\btop$|top --once/.test(line) && !SERVES.test(line) && !runs(SERVES)
    if (needsServer) await start('npubridge serve --load silero-vad')
  }
}
