// How fast `migrate scan` reads a Python tree: `npm run bench:migrate-scan [-- FILES]`, beside `ruff check` of .venv or PATH.
import {execFileSync, spawnSync} from 'node:child_process'
import {copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {availableParallelism, cpus, tmpdir} from 'node:os'
import path from 'node:path'
import {fileURLToPath} from 'node:url'

const HOME = fileURLToPath(new URL('..', import.meta.url))
const FILES = Number(process.argv[2] ?? 10_000)
const RUNS = 5
const IMPORTERS_PER_THOUSAND = 5

/** Plain code of the size that files in public Python projects have: about 180 lines, 6 KB. */
function source(number) {
  const functions = Array.from(
    {length: 20},
    (_, index) => `
def operation_${number}_${index}(values, factor=${index}):
    """Scales what is given and keeps what is positive."""
    result = []
    for value in values:
        scaled = value * factor + len(values)
        if scaled > 0:
            result.append({"value": scaled, "name": "item %d" % value})
    return sorted(result, key=lambda item: item["value"])
`,
  )
  const isImporter = number % 1000 < IMPORTERS_PER_THOUSAND
  const head = isImporter ? 'from agents.npu_coordination_bridge import NPUCoordinationBridge\n' : ''
  return `import os\nimport sys\n${head}${functions.join('\n')}`
}

function makeTree(root) {
  for (let number = 0; number < FILES; number += 1) {
    const folder = path.join(root, `package_${number % 100}`, `part_${number % 7}`)
    mkdirSync(folder, {recursive: true})
    writeFileSync(path.join(folder, `module_${number}.py`), source(number))
  }

  mkdirSync(path.join(root, 'agents'))
  const fixture = path.join(HOME, 'test/fixtures/migrate/v1/agents/src/python/npu_coordination_bridge.py')
  copyFileSync(fixture, path.join(root, 'agents', 'npu_coordination_bridge.py'))
}

function seconds(command, args, allowed) {
  const times = Array.from({length: RUNS}, () => {
    const started = performance.now()
    const {status, stderr} = spawnSync(command, args, {stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8'})
    if (!allowed.includes(status)) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
    return (performance.now() - started) / 1000
  }).toSorted((a, b) => a - b)
  return {median: times[Math.floor(RUNS / 2)], least: times[0], most: times.at(-1)}
}

function report(name, {median, least, most}) {
  const rate = Math.round(FILES / median)
  process.stdout.write(
    `${name.padEnd(24)} ${median.toFixed(2)} s (${least.toFixed(2)}–${most.toFixed(2)})  ${rate} files/s\n`,
  )
}

const root = mkdtempSync(path.join(tmpdir(), 'npubridge-bench-'))
try {
  makeTree(root)
  process.stdout.write(`${FILES} Python files, ${RUNS} runs each, ${cpus()[0].model} × ${availableParallelism()}\n`)
  const cli = path.join(HOME, 'bin', 'run.js')
  report('npubridge migrate scan', seconds(process.execPath, [cli, 'migrate', 'scan', root, '--json'], [0]))
  const ruff = [path.join(HOME, '.venv', 'bin', 'ruff'), 'ruff'].find(
    (program) => spawnSync(program, ['--version'], {stdio: 'ignore'}).status === 0,
  )
  if (ruff) {
    const version = execFileSync(ruff, ['--version'], {encoding: 'utf8'}).trim()
    report(`${version} check`, seconds(ruff, ['check', '--no-cache', '--quiet', root], [0, 1]))
  } else process.stdout.write('ruff is neither in .venv nor on PATH: not compared\n')
} finally {
  rmSync(root, {recursive: true, force: true})
}
