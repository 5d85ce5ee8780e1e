import {AxeBuilder} from '@axe-core/playwright'
import {expect} from 'chai'
import {execa} from 'execa'
import {writeFile} from 'node:fs/promises'
import path from 'node:path'
import {type Browser, chromium, type Page} from 'playwright-core'

import type {LiveNode} from '../../src/core/dashboard/nodes.ts'
import type {MetricsSnapshot} from '../../src/core/engine/engine.ts'

import {NpuBridgeError} from '../../src/core/errors.ts'
import {connectTo} from '../../src/core/serve/client/connection.ts'
import {FakeEngine} from '../core/serve/fake-engine.ts'
import {ask, serverOver} from '../core/serve/server.ts'
import {findChromium} from '../support/chromium.ts'
import {BIN} from '../support/cli.ts'
import {emulatedRuntime} from '../support/emulated.ts'
import {makeFolder, removeFolder} from '../support/folder.ts'
import {requireNative, startNative} from '../support/native.ts'

interface Opened extends AsyncDisposable {
  readonly page: Page
  /** What the console said, apart from requests that were refused on purpose. */
  readonly problems: string[]
  /** Addresses that were asked for. */
  readonly asked: string[]
}

/** How long a busy machine may take for anything that is waited for. */
const PATIENCE_MS = 60_000

/** Waits until something is so. */
async function eventually(isSo: () => Promise<boolean>, what: () => string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await isSo())) {
    expect(performance.now(), what()).to.be.below(deadline)
    await new Promise((resolve) => {
      setTimeout(resolve, 200)
    })
  }
}

describe('the dashboard, in a browser', function () {
  this.timeout(300_000)
  let browser: Browser

  before(async function () {
    const executablePath = findChromium()
    if (executablePath === undefined) {
      console.error('      skipped: no Chromium on PATH')
      this.skip()
    }

    browser = await chromium.launch({executablePath, args: ['--no-sandbox']})
  })

  after(async () => {
    await browser?.close()
  })

  async function open({port}: {readonly port: number}, options: object = {}): Promise<Opened> {
    const page = await browser.newPage({viewport: {width: 1280, height: 900}, ...options})
    page.setDefaultTimeout(PATIENCE_MS)
    const [problems, asked]: string[][] = [[], []]
    page.on('console', (message) => {
      problems!.push(message.text())
    })
    page.on('pageerror', ({message}) => {
      problems!.push(message)
    })
    page.on('request', (request) => {
      asked!.push(request.url())
    })
    await page.goto(`http://127.0.0.1:${port}/`)
    return {asked: asked!, page, problems: problems!, [Symbol.asyncDispose]: async () => page.close()}
  }

  const newContext = async (options: object) => browser.newContext(options)
  const live = async (page: Page) => page.getByText('live', {exact: true}).waitFor()
  const figure = async (page: Page, id: string) => Number(await page.locator(`#figure-${id}`).getAttribute('value'))

  it('shows the load that there is, as /metrics has it, without a word on the console', async function () {
    const setup = await requireNative(this, ['silero-vad'])
    await using server = await serverOver(await startNative(setup), {}, {})
    await using opened = await open(server)
    const {page} = opened
    await live(page)
    const submit = async () => server.engine.submit({type: 'echo', data: 1})
    // What a busy machine held up is made up for, so that the load is the same in every few seconds.
    const startedAt = performance.now()
    let sent = 0
    const timer = setInterval(() => {
      for (; sent < (performance.now() - startedAt) * 0.4; sent++) void submit()
    }, 20)

    const counted = async () => {
      const text = (await ask(server, '/metrics')).bytes.toString()
      return [/completed_total (\d+)/, /uptime_seconds ([\d.]+)/].map((pattern) => Number(pattern.exec(text)![1]))
    }

    // What the page shows is an average over some seconds; on a busy machine these and the test's are not always alike.
    let compared = ''
    await eventually(
      async () => {
        const [doneBefore, secondsBefore] = await counted()
        await page.waitForTimeout(5000)
        const [[done, seconds], shown] = await Promise.all([counted(), figure(page, 'throughput')])
        const exact = (done! - doneBefore!) / (seconds! - secondsBefore!)
        compared = `${shown} against ${exact}`
        return exact > 0 && Math.abs(shown - exact) / exact < 0.02
      },
      () => compared,
    )
    clearInterval(timer)
    const total = async () => `${(await counted())[0]!.toLocaleString('en')} answered since start`
    await eventually(
      async () => (await page.locator('#summary').textContent())!.includes(await total()),
      () => 'the total is that of /metrics',
    )
    expect(opened.problems).to.deep.equal([])
    expect(opened.asked.filter((url) => !url.includes(`127.0.0.1:${server.port}/`))).to.deep.equal([])
  })

  it('loads and unloads models, and says what went wrong as text', async () => {
    await using server = await serverOver(new FakeEngine())
    await using opened = await open(server)
    const {page} = opened
    await live(page)
    const row = page.locator('[data-model="net"]')
    await page.getByRole('button', {name: 'Load net'}).click()
    await row.getByText('ready').waitFor()
    await page.getByRole('button', {name: 'Unload net'}).click()
    await row.getByText('unavailable').waitFor()
    const markup = `<img src=x onerror="document.title='broken'">${'<b>'.repeat(34_000)}`
    server.engine.fails.set('load_model', new NpuBridgeError('MODEL_INVALID', markup))
    await page.getByRole('button', {name: 'Load net'}).click()
    await page.locator('#models-said').getByText('could not be loaded').waitFor()
    await page.locator('#errors').getByText('MODEL_INVALID').waitFor()
    expect(await page.locator('#errors p, #models-said').allTextContents()).to.satisfy((texts: string[]) =>
      texts.every((text) => text.includes('<img src=x') && text.length < 3000),
    )
    expect(await page.locator('img, main b:not(.legend b)').count()).to.equal(0)
    expect(await page.title()).to.equal('npubridge')
  })

  it('asks for the token, keeps it out of URLs, and asks again when it was replaced', async () => {
    const start = async (givenToken: string, port = 0) =>
      serverOver(new FakeEngine(), {port, token: true}, {givenToken})
    let server = await start('first-token-of-this-server')
    const {port} = server
    await using opened = await open(server)
    const {page} = opened
    await page.getByLabel('Token').fill('not-the-token-at-all')
    await page.getByRole('button', {name: 'Connect'}).click()
    await page.getByText('is not the one of this server').waitFor()
    await page.getByLabel('Token').fill('first-token-of-this-server')
    await page.getByRole('button', {name: 'Connect'}).click()
    await live(page)
    await server[Symbol.asyncDispose]()
    await page.getByText('The server cannot be reached').waitFor()
    server = await start('second-token-of-this-server', port)
    await using _later = server
    await page.getByText('may have been replaced').waitFor()
    await page.getByLabel('Token').fill('second-token-of-this-server')
    await page.getByRole('button', {name: 'Connect'}).click()
    await live(page)
    await page.getByText('The server was restarted').waitFor()
    expect(opened.asked.filter((url) => url.includes('token-of'))).to.deep.equal([])
  })

  for (const [name, metrics] of [
    ['a server that says nearly nothing', {uptimeMs: 1}],
    [
      'a server that says it otherwise',
      {uptimeMs: 1, models: {net: 1}, breakers: {NPU: {state: 'resting'}}, queueDepth: 'long'},
    ],
  ] as const) {
    it(`shows what it can of ${name}`, async () => {
      const engine = new FakeEngine()
      engine.metrics = () => metrics as unknown as MetricsSnapshot
      await using server = await serverOver(engine)
      await using opened = await open(server)
      await live(opened.page)
      await opened.page.locator('#summary').getByText('unknown').first().waitFor()
      expect(opened.problems).to.deep.equal([])
    })
  }

  it('finds its way through 500 models, by keys alone', async () => {
    const engine = new FakeEngine()
    const names = Array.from({length: 500}, (_, index) => `model-${index}`)
    await using server = await serverOver(engine)
    for (const name of names) await writeFile(path.join(server.paths.models, `${name}.onnx`), 'model')
    await using opened = await open(server, {viewport: {width: 360, height: 780}})
    const {page} = opened
    await page.getByText('0 loaded of 502').waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('model-49')
    await page.getByText('model-499', {exact: true}).waitFor()
    expect(await page.locator('#models tbody tr').count()).to.equal(11)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Escape')
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).to.equal(360)
    await page.evaluate('document.activeElement.blur()')
    await page.keyboard.press('p')
    expect(await page.locator('#pause').getAttribute('aria-pressed')).to.equal('true')
    await page.keyboard.press('3')
    expect(await page.locator('[data-range="2"]').getAttribute('aria-pressed')).to.equal('true')
  })

  it('shows the nodes of a pool, by keys as well, and none where there is no pool', async () => {
    const node = (name: string, given: Partial<LiveNode> = {}): LiveNode => ({
      name,
      host: `${name}.example`,
      version: '1.2.3',
      engine: 'native',
      state: 'ready',
      devices: [{name: 'NPU', thermal: 'normal', temperatureCelsius: 55, powerWatts: null}],
      models: ['minilm'],
      agents: [],
      running: 4,
      capacity: 16,
      done: 12_345,
      failed: 0,
      recovered: 0,
      p99Us: 1500,
      ...given,
    })
    const hot = {name: 'NPU', thermal: 'throttled', temperatureCelsius: 98, powerWatts: 3}
    let nodes = [node('a'), node('<b>b</b>', {devices: [hot], failed: 3, state: 'draining'})]
    await using server = await serverOver(new FakeEngine(), {}, {readNodes: () => nodes})
    const context = await newContext({bypassCSP: true, viewport: {width: 360, height: 780}})
    const page = await context.newPage()
    page.setDefaultTimeout(PATIENCE_MS)
    await page.goto(`http://127.0.0.1:${server.port}/`)
    await page.getByText('1 ready of 2').waitFor()
    const row = async (name: string) => page.locator(`[data-node="${name}"] > *`).allTextContents()
    const shown = 'a|ready|NPU|55 °C|4 of 16|1|12,345|0|0|1.5 ms'
    expect((await row('a')).join('|')).to.equal(shown)
    expect((await row('<b>b</b>')).slice(0, 4)).to.deep.equal(['<b>b</b>', 'draining', 'NPU (throttled)', '98 °C'])
    const order = async () => page.locator('#nodes tbody th').allTextContents()
    expect(await order()).to.deep.equal(['<b>b</b>', 'a'])
    await page.keyboard.press('n')
    expect(await page.evaluate('document.activeElement.id')).to.equal('nodes-region')
    await page.locator('#nodes').getByRole('button', {name: 'done'}).focus()
    await page.keyboard.press('Enter')
    await page.keyboard.press('Enter')
    expect(await page.locator('#nodes [aria-sort]').getAttribute('aria-sort')).to.equal('descending')
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).to.equal(360)
    const {violations} = await new AxeBuilder({page}).include('#nodes-card').analyze()
    expect(violations.map(({help}) => help)).to.deep.equal([])
    nodes = []
    await page.getByText('No worker is there').waitFor()
    await context.close()

    await using alone = await serverOver(new FakeEngine())
    await using opened = await open(alone)
    await live(opened.page)
    expect(await opened.page.locator('#nodes-card').isHidden()).to.equal(true)
  })

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`has nothing that axe-core takes for serious: ${colorScheme}`, async () => {
      await using server = await serverOver(new FakeEngine())
      const context = await newContext({bypassCSP: true, colorScheme})
      const page = await context.newPage()
      page.setDefaultTimeout(PATIENCE_MS)
      await page.goto(`http://127.0.0.1:${server.port}/`)
      await live(page)
      await server.engine.submit({type: 'echo'})
      const {violations} = await new AxeBuilder({page}).analyze()
      const serious = violations.filter(({impact}) => impact === 'serious' || impact === 'critical')
      expect(serious.map(({help, nodes}) => [help, nodes.map(({html}) => html)])).to.deep.equal([])
      await context.close()
    })
  }

  it('keeps its figures when the clock of this machine jumps', async () => {
    const engine = new FakeEngine()
    let queueDepth = 0
    // A hundred operations a second, by the engine's own time.
    engine.metrics = () => {
      const uptimeMs = performance.now()
      return {...FakeEngine.prototype.metrics.call(engine), queueDepth, uptimeMs, completed: uptimeMs / 10}
    }

    await using server = await serverOver(engine)
    await using opened = await open(server)
    const {page} = opened
    await live(page)
    await page.evaluate('Date.now = () => 0; Date.prototype.getTime = () => 0')
    queueDepth = 7
    await page.locator('#figure-queue[value="7"]').waitFor()
    await eventually(
      async () => Math.abs((await figure(page, 'throughput')) - 100) < 0.01,
      () => 'it shows 100/s',
    )
    const label = async () => page.locator('#chart-throughput .plot').getAttribute('aria-label')
    await eventually(
      async () => /now answered [\d.]+\/s/.test((await label()) ?? ''),
      () => 'the chart says its newest figure',
    )
    expect(opened.problems).to.deep.equal([])
  })
})

/** A real OpenVINO in which an NPU is emulated on the CPU. */
describe('the dashboard of an NPU that is lost', function () {
  this.timeout(900_000)

  it('shows its breaker open, half-open and closed again, and where its work went meanwhile', async function () {
    const executablePath = findChromium()
    if (executablePath === undefined) this.skip()
    await requireNative(this, ['silero-vad'])
    const folder = await makeFolder()
    const runtime = await emulatedRuntime(this, path.join(folder, 'runtime'))
    const faults = path.join(folder, 'faults')
    await writeFile(faults, '')
    const flags = ['--json', '--port', '0', '--no-grpc', '--log-level', 'silent', '--runtime', runtime]
    const child = execa(process.execPath, [BIN, 'serve', ...flags, '--load', 'silero-vad'], {
      buffer: false,
      env: {NPUBRIDGE_FAULTS_FILE: faults},
      reject: false,
    })
    const browser = await chromium.launch({executablePath, args: ['--no-sandbox']})
    try {
      const url = await urlOf(child.stdout)
      await using connection = await connectTo(url)
      const page = await browser.newPage()
      await page.goto(url)
      page.setDefaultTimeout(2 * PATIENCE_MS)
      const shows = async (state: string) =>
        page.locator(`[data-device="NPU"] .breaker[data-state="${state}"]`).waitFor()
      const inputs = {
        input: {data: new Float32Array(576), shape: [1, 576]},
        state: {data: new Float32Array(256), shape: [2, 1, 128]},
      }
      const work = async () => connection.submit({type: 'inference', model: 'silero-vad', inputs})

      expect((await work()).device).to.equal('NPU')
      await shows('closed')
      // It stays away until there are other faults.
      await writeFile(faults, 'lost_after=0')
      expect((await work()).fallback).to.include({from: 'NPU', to: 'CPU'})
      await shows('open')
      await page.locator('#fallbacks').getByText('NPU → CPU').waitFor()
      expect(await page.locator('#fallbacks').textContent()).to.include('DEVICE_LOST')
      // It is back, and slow to be tried, so that everybody sees it.
      await writeFile(faults, 'slow_compile_ms=5000')
      await shows('half-open')
      await writeFile(faults, '')
      await shows('closed')
    } finally {
      await browser.close()
      child.kill('SIGTERM')
      await child
      await removeFolder(folder)
    }
  })
})

async function urlOf(stdout: AsyncIterable<Buffer>): Promise<string> {
  let text = ''
  for await (const part of stdout) {
    text += part.toString()
    if (text.trimEnd().endsWith('}')) break
  }

  return (JSON.parse(text) as {url: string}).url
}
