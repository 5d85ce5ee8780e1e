// Pictures of the dashboard and of `top` for docs/images: a server with an NPU that is emulated and then lost, under load.
// Needs Chromium, tmux and a built workspace: npm run docs:pictures [FOLDER]
import {execa} from 'execa'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {chromium} from 'playwright-core'

import {discoverRuntimes} from '../dist/core/runtime/discover.js'
import {connectTo} from '../dist/core/serve/client/connection.js'
import {screenAsPage} from './screen-as-page.js'
import {startServer} from './server.js'

const ROOT = path.resolve(import.meta.dirname, '..')
const OUT = path.resolve(process.argv[2] ?? path.join(ROOT, 'docs', 'images'))
const INTERVAL_MS = 10
const OPERATIONS_PER_INTERVAL = 3
/** Until the averages on the page are those of what happens now. */
const SETTLED_MS = 8000
const BROWSER = {args: ['--no-sandbox'], executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium'}

const folder = mkdtempSync(path.join(tmpdir(), 'npubridge-pictures-'))
const faults = path.join(folder, 'faults')
writeFileSync(faults, '')
const browser = await chromium.launch(BROWSER)
const server = await startServer(['--no-grpc', '--runtime', await emulatedRuntime(), '--load', 'silero-vad'], {
  env: {...process.env, NPUBRIDGE_FAULTS_FILE: faults},
})
try {
  const connection = await connectTo(server.url)
  const load = startLoad(connection)
  await happenings(connection)
  await sleep(SETTLED_MS)
  await picture('light', {colorScheme: 'light'})
  await picture('dark', {colorScheme: 'dark'})
  await picture('narrow', {colorScheme: 'light', viewport: {height: 780, width: 360}})
  await pictureOfTop('top', 80, 24)
  writeFileSync(faults, 'lost_after=0')
  await sleep(SETTLED_MS)
  await picture('lost', {colorScheme: 'light'})
  await pictureOfTop('top-lost', 80, 24)
  await pictureOfTop('top-narrow', 20, 24)
  clearInterval(load)
  await connection[Symbol.asyncDispose]()
} finally {
  server.child.kill('SIGTERM')
  await browser.close()
  rmSync(folder, {recursive: true})
}

async function emulatedRuntime() {
  const {folder: real} = (await discoverRuntimes()).find(({problem}) => problem === null)
  const out = path.join(folder, 'runtime')
  const cargo = [
    'run',
    '--quiet',
    '--manifest-path',
    path.join(ROOT, 'native', 'Cargo.toml'),
    '-p',
    'npubridge-testing',
  ]
  await execa('cargo', [...cargo, '--bin', 'emulated-runtime', '--', '--real', real, '--out', out])
  return out
}

function startLoad(connection) {
  const inputs = {
    input: {data: new Float32Array(576), shape: [1, 576]},
    state: {data: new Float32Array(256), shape: [2, 1, 128]},
  }
  const priorities = ['low', 'normal', 'high', 'critical', 'realtime']
  let sent = 0
  return setInterval(() => {
    for (let each = 0; each < OPERATIONS_PER_INTERVAL; each++) {
      const options = {priority: priorities[sent++ % priorities.length]}
      connection.submit({inputs, model: 'silero-vad', type: 'inference'}, options).catch(() => {})
    }
  }, INTERVAL_MS)
}

/** Errors, one of them with markup, and a workflow. */
async function happenings(connection) {
  const wrong = {input: {data: new Float32Array(577), shape: [1, 577]}}
  const tasks = [
    {id: 'checkout'},
    ...['lint', 'test', 'audit'].map((id) => ({dependencies: ['checkout'], id})),
    {dependencies: ['lint', 'test', 'audit'], id: 'report'},
  ]
  await Promise.allSettled([
    connection.submit({inputs: wrong, model: 'silero-vad', type: 'inference'}),
    connection.submit({inputs: wrong, model: '<b onclick=alert(1)>nope</b>', type: 'inference'}),
    connection.submit({tasks, type: 'workflow'}),
  ])
}

async function picture(name, options) {
  const page = await browser.newPage({viewport: {height: 900, width: 1280}, ...options})
  await page.goto(server.url)
  await page.getByText('live', {exact: true}).waitFor()
  await sleep(2 * SETTLED_MS)
  // What is out of sight is not drawn.
  const height = await page.evaluate('document.documentElement.scrollHeight')
  await page.setViewportSize({height, width: page.viewportSize().width})
  await sleep(SETTLED_MS / 4)
  await page.screenshot({fullPage: true, path: path.join(OUT, `dashboard-${name}.png`)})
  await page.close()
}

/** What a terminal of this size shows, as tmux has it. */
async function pictureOfTop(name, columns, rows) {
  const tmux = async (...args) => execa('tmux', ['-L', path.basename(folder), '-f', '/dev/null', ...args])
  const command = [process.execPath, path.join(ROOT, 'bin', 'run.js'), 'top', '--server', server.url]
  await tmux('new-session', '-d', '-x', String(columns), '-y', String(rows), ...command)
  await sleep(2 * SETTLED_MS)
  const {stdout} = await tmux('capture-pane', '-p', '-e')
  await tmux('send-keys', 'q')
  const page = await browser.newPage({deviceScaleFactor: 2, viewport: {height: 100, width: 100}})
  await page.setContent(screenAsPage(stdout, {columns, rows}))
  await page.locator('pre').screenshot({path: path.join(OUT, `${name}.png`)})
  await page.close()
}
