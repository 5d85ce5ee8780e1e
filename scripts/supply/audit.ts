/* eslint camelcase: ['error', {properties: 'never'}] -- a variable of npm is spelled like that */
/**
 * Looks for known vulnerabilities in what is shipped and in what builds it: `npm run audit`. A source of advisories that
 * cannot be reached is told as "not checked" and ends with 3, unless --offline says that this is expected.
 */
import {spawnSync} from 'node:child_process'
import {existsSync} from 'node:fs'
import path from 'node:path'
import {parseArgs} from 'node:util'

import {ROOT} from '../release/packages.ts'

const {values: options} = parseArgs({options: {offline: {type: 'boolean', default: false}}})
const VENV = path.join(ROOT, 'native', 'target', 'pip-audit')
const WINDOWS = process.platform === 'win32'
const python = path.join(VENV, WINDOWS ? 'Scripts/python.exe' : 'bin/python')
const UNREACHABLE =
  /audit endpoint returned an error|failed to fetch|unable to update|ConnectionError|ENOTFOUND|ECONNREFUSED|Method Not Allowed|Not Found for url|Service Unavailable|HTTPError|could not clone|failed to prepare fetch/i

interface Check {
  readonly title: string
  readonly command: string
  readonly args: readonly string[]
  /** What makes the command available, when it is not. */
  readonly prepare?: () => void
  readonly advice: string
}

function preparePipAudit(): void {
  if (existsSync(python)) return
  spawnSync(WINDOWS ? 'python' : 'python3', ['-m', 'venv', VENV], {stdio: 'inherit'})
  spawnSync(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'pip-audit>=2.9,<3'], {
    stdio: 'inherit',
  })
}

const deny = (...checks: string[]) => [
  'deny',
  '--manifest-path',
  'native/Cargo.toml',
  '--config',
  'native/deny.toml',
  'check',
  ...checks,
]
const CHECKS: readonly Check[] = [
  {
    title: 'npm packages that are shipped',
    command: 'npm',
    args: ['audit', '--audit=true', '--omit=dev'],
    advice: 'npm audit fix',
  },
  {
    title: 'npm packages that build and test',
    command: 'npm',
    args: ['audit', '--audit=true', '--audit-level=high'],
    advice: 'npm audit fix',
  },
  {
    title: 'crates: advisories',
    command: 'cargo',
    args: deny('advisories'),
    advice: 'cargo install cargo-deny --locked',
  },
  {
    title: 'crates: licences, bans, sources',
    command: 'cargo',
    args: deny('licenses', 'bans', 'sources'),
    advice: 'cargo install cargo-deny --locked',
  },
  {
    title: 'Python packages that build and test',
    command: python,
    args: ['-m', 'pip_audit', '--requirement', 'test/requirements.txt', '--progress-spinner', 'off'],
    prepare: preparePipAudit,
    advice: 'python3 -m venv needs python3-venv',
  },
]

let [found, unchecked] = [0, 0]
for (const {title, command, args, prepare, advice} of CHECKS) {
  prepare?.()
  const env = {...process.env, npm_config_loglevel: 'warn'}
  const {status, stdout, stderr, error} = spawnSync(command, args, {cwd: ROOT, encoding: 'utf8', env, shell: WINDOWS})
  const said = `${stdout ?? ''}${stderr ?? ''}`.trim()
  if (status === 0) {
    process.stdout.write(`✔ ${title}\n`)
    continue
  }

  const isMissing = error !== undefined || said.includes('no such command')
  if (isMissing || UNREACHABLE.test(said)) {
    unchecked++
    const why = isMissing
      ? `not installed: ${advice}`
      : (said.split('\n').find((line) => UNREACHABLE.test(line)) ?? '').trim()
    process.stdout.write(`! ${title}: not checked (${why})\n`)
  } else {
    found++
    process.stdout.write(`✖ ${title}\n${said}\n`)
  }
}

if (found > 0) process.exitCode = 1
else if (unchecked > 0 && !options.offline) process.exitCode = 3
