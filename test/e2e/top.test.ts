import {expect} from 'chai'
import {execa} from 'execa'
import {randomUUID} from 'node:crypto'

import {NpuBridgeError} from '../../src/core/errors.ts'
import {FakeEngine} from '../core/serve/fake-engine.ts'
import {ask, serverOver, type TestServer} from '../core/serve/server.ts'
import {BIN} from '../support/cli.ts'

const PATIENCE_MS = 60_000
const KEYS = 'q quit · p pause'

/** A terminal of tmux with a shell in which `top` runs, until the terminal is closed. */
class Terminal implements AsyncDisposable {
  readonly #socket = `npubridge-test-${randomUUID()}`

  async open(command: string, env: Record<string, string> = {}): Promise<void> {
    const script = `echo before; ${command}; echo "ended with $?"; exec cat`
    const variables = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`])
    await this.#tmux('-f', '/dev/null', 'new-session', '-d', '-x', '80', '-y', '24', ...variables, 'sh', '-c', script)
  }

  async press(...keys: readonly string[]): Promise<void> {
    await this.#tmux('send-keys', ...keys)
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux('resize-window', '-x', String(columns), '-y', String(rows))
  }

  /** What stands on the screen, with escape sequences for its colours if they are wanted. */
  async screen(...options: ReadonlyArray<'-e'>): Promise<string> {
    return (await this.#tmux('capture-pane', '-p', ...options)).stdout
  }

  /** Waits until the screen is so, and gives it. */
  async shows(isSo: (screen: string) => boolean, what: string): Promise<string> {
    const deadline = performance.now() + PATIENCE_MS
    for (;;) {
      const screen = await this.screen()
      if (isSo(screen)) return screen
      expect(performance.now(), `${what}, on\n${screen}`).to.be.below(deadline)
      await new Promise((resolve) => {
        setTimeout(resolve, 100)
      })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux('kill-server').catch(() => undefined)
  }

  async #tmux(...args: readonly string[]) {
    // On a machine of CI nothing renews itself, and this is about a terminal with somebody before it.
    return execa('tmux', ['-u', '-L', this.#socket, ...args], {env: {CI: undefined, LC_ALL: 'C.UTF-8'}})
  }
}

describe('top, in a terminal', function () {
  this.timeout(300_000)
  let server: TestServer

  before(async function () {
    const {failed} = await execa('tmux', ['-V'], {reject: false})
    if (failed) {
      console.error('      skipped: no tmux on PATH')
      this.skip()
    }

    server = await serverOver(new FakeEngine())
  })

  after(async () => {
    await server?.[Symbol.asyncDispose]()
  })

  const command = () => `'${process.execPath}' '${BIN}' top --interval 100 --server ${server.running.url}`

  it('fits the terminal as it is resized, obeys its keys, and gives the screen back', async () => {
    await using terminal = new Terminal()
    await terminal.open(command())
    await terminal.shows((screen) => screen.includes('live') && screen.includes(KEYS), 'it is live')
    server.engine.fails.set('load_model', new NpuBridgeError('MODEL_INVALID', `<b>bold</b>\u{1B}[2J${'x'.repeat(1e5)}`))
    await ask(server, '/v2/repository/models/net/load', {method: 'POST'})
    // The last column is written, too.
    const error = (screen: string) => screen.split('\n').find((line) => line.includes('MODEL_INVALID'))
    await terminal.shows((screen) => error(screen)?.endsWith('x…') ?? false, 'a long error is cut')
    await terminal.press('s')
    await terminal.shows((screen) => screen.includes('by name'), 'it sorts')
    await terminal.press('r')
    await terminal.shows((screen) => screen.includes('by name, reversed'), 'it reverses')
    await terminal.press('p')
    await terminal.shows((screen) => screen.includes('paused'), 'it pauses')
    await terminal.resize(20, 12)
    const narrow = await terminal.shows((screen) => screen.includes('q quit · p pause · …'), 'it is narrow')
    expect(narrow.split('\n')).to.have.length(12)
    expect(narrow).to.include('paused').and.include('ops/s')
    await terminal.resize(100, 30)
    await terminal.shows((screen) => screen.includes('↑↓ scroll'), 'it is wide again')
    await terminal.press('p')
    await terminal.shows((screen) => screen.includes('live'), 'it goes on')
    await terminal.press('q')
    const end = await terminal.shows((screen) => screen.includes('ended with'), 'it quits')
    expect(end.trim().split('\n')).to.deep.equal(['before', 'ended with 0'])
  })

  it('says the same without colour, and waits for a server that went', async () => {
    await using terminal = new Terminal()
    await terminal.open(command(), {NO_COLOR: '1'})
    await terminal.shows((screen) => screen.includes('✔ live'), 'it is live')
    expect(await terminal.screen('-e')).to.not.include('\u{1B}[')
    await server[Symbol.asyncDispose]()
    await terminal.shows((screen) => screen.includes('✖') && screen.includes(KEYS), 'it says that the server is gone')
    server = await serverOver(new FakeEngine(), {port: server.port})
    await terminal.shows((screen) => screen.includes('live') && screen.includes('restarted'), 'it is back')
    await terminal.press('C-c')
    await terminal.shows((screen) => screen.includes('ended with'), 'it ends')
  })
})
