import path from 'node:path'
import {z} from 'zod'

import type {Effects, ProcessResult} from '../effects.ts'
import type {InstallStep} from '../journal/schema.ts'
import type {InstallRequest} from '../plan/plan.ts'

import {NpuBridgeError} from '../../errors.ts'
import {guardRefused} from '../refusals.ts'
import {inspectInterpreter, type Interpreter, normalizedName} from './interpreter.ts'

/** The least that the wheels of npubridge run on. */
const LEAST_PYTHON = [3, 10] as const

/** Without questions, and without remarks on pip's own age. */
const QUIET_PIP = {PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_NO_INPUT: '1', PYTHONIOENCODING: 'utf8', PYTHONUTF8: '1'}

/** The part of pip's installation report (format 1) that is used. */
const METADATA = z.object({name: z.string(), version: z.string()})
const INSTALLED = z.object({metadata: METADATA})
const PIP_REPORT = z.object({install: z.array(INSTALLED)})

async function pip(
  effects: Effects,
  python: string,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<ProcessResult> {
  return effects.processes.run(python, ['-m', 'pip', ...args], {env: QUIET_PIP, signal})
}

function lastWords(result: ProcessResult): string {
  return result.stderr.trim().split('\n').slice(-3).join('\n') || (result.problem ?? `exit code ${result.exitCode}`)
}

function checkInterpreter(python: string, interpreter: Interpreter): void {
  const [major, minor] = interpreter.version
  if (major < LEAST_PYTHON[0] || (major === LEAST_PYTHON[0] && minor < LEAST_PYTHON[1]))
    throw guardRefused(
      `${python} is Python ${interpreter.version.join('.')}; npubridge needs ${LEAST_PYTHON.join('.')} or newer`,
      ['name a newer interpreter with --python, or leave --python out: the wrapper then runs the archived original'],
    )
  if (interpreter.externallyManaged !== null)
    throw guardRefused(`${python} is managed by the operating system (PEP 668): npubridge does not install into it`, [
      `make a virtual environment: ${python} -m venv .venv    then --python .venv/bin/python`,
      'or install npubridge by the means of the system and leave --python out',
    ])
}

/** The version that a pip requirement or a wheel's file name fixes; null when it fixes none. */
export function fixedVersion(spec: string): string | null {
  const wheel = /^npubridge-([^-]+)-.*\.whl$/i.exec(path.basename(spec))
  return wheel?.[1] ?? /^npubridge\s*==\s*([\w.+!-]+)$/i.exec(spec)?.[1] ?? null
}

/** Where pip has to look: nowhere but in the folder of the wheels that came with npubridge, or as it is set up. */
function sourceOf({wheels}: Pick<InstallRequest, 'wheels'>): string[] {
  return wheels === null ? [] : ['--no-index', '--find-links', wheels]
}

/** The wheels of npubridge that are there, whatever they are made for. */
function wheelsIn(effects: Effects, folder: string, version: string): string[] {
  if (effects.fs.stat(folder)?.kind !== 'folder') return []
  return effects.fs
    .list(folder)
    .map(({name}) => name)
    .filter((name) => name.endsWith('.whl') && fixedVersion(name) === version)
    .toSorted()
}

/** Nothing is taken from a package index unless the user names it: what is there under this name is not known. */
function otherSources({python, spec}: InstallRequest): string[] {
  return [
    `name a wheel: --python ${python} --package /path/to/npubridge-….whl`,
    `or take it from the package index that pip is set up for: --python ${python} --package ${spec}`,
    'or leave --python out: the wrapper then runs the archived original until npubridge can be imported',
  ]
}

function pipRefused(effects: Effects, request: InstallRequest, result: ProcessResult): NpuBridgeError {
  const {python, spec, wheels} = request
  if (/No module named '?pip/.test(result.stderr))
    return new NpuBridgeError('INVALID_ARGUMENT', `${python} has no pip`, {
      suggestions: [`${python} -m ensurepip`, `or uv pip install --python ${python} ${spec}, and leave --python out`],
    })
  if (wheels === null || !/No matching distribution|Could not find a version/.test(result.stderr))
    return new NpuBridgeError('INVALID_ARGUMENT', `pip cannot install ${spec}: ${lastWords(result)}`, {
      suggestions: [
        'name another package or a wheel with --package',
        'or leave --python out and install npubridge yourself',
      ],
    })
  const there = wheelsIn(effects, wheels, fixedVersion(spec) ?? '').join(', ')
  return new NpuBridgeError('INVALID_ARGUMENT', `no wheel in ${wheels} fits ${python}: there is ${there}`, {
    suggestions: otherSources(request),
  })
}

/** What pip would bring, without bringing it. */
async function dryRun(effects: Effects, request: InstallRequest, signal?: AbortSignal) {
  const {python, spec, wheels} = request
  if (wheels !== null && wheelsIn(effects, wheels, fixedVersion(spec) ?? '').length === 0)
    throw new NpuBridgeError('INVALID_ARGUMENT', `there is no wheel for ${spec} in ${wheels}`, {
      suggestions: ['in a checkout of npubridge, build it: npm run build:python', ...otherSources(request)],
    })
  const args = ['install', '--dry-run', '--quiet', '--report', '-', ...sourceOf(request), spec]
  const result = await pip(effects, python, args, signal)
  signal?.throwIfAborted()
  if (result.exitCode !== 0) throw pipRefused(effects, request, result)
  return PIP_REPORT.parse(JSON.parse(result.stdout)).install.map(({metadata}) => ({
    name: normalizedName(metadata.name),
    version: metadata.version,
  }))
}

/**
 * The step that installs npubridge, or null when it is there already. Nothing is installed yet, and nothing that is there
 * will be replaced: a rollback could not bring it back for certain.
 *
 * @throws {NpuBridgeError} with exit code 4 when the environment must not or cannot be changed.
 */
export async function prepareInstall(
  effects: Effects,
  request: InstallRequest,
  signal?: AbortSignal,
): Promise<InstallStep | null> {
  const interpreter = await inspectInterpreter(effects, request.python, signal)
  checkInterpreter(request.python, interpreter)
  const present = interpreter.distributions.get('npubridge')
  const wanted = fixedVersion(request.spec)
  if (present !== undefined && (wanted === null || wanted === present)) return null
  const packages = await dryRun(effects, request, signal)
  const replaced = packages.filter(({name}) => interpreter.distributions.has(name))
  if (replaced.length > 0) {
    const list = replaced
      .map(({name, version}) => `${name} ${interpreter.distributions.get(name)} by ${version}`)
      .join(', ')
    throw guardRefused(`installing ${request.spec} into ${request.python} would replace ${list}`, [
      'update it yourself and leave --python out',
      'or name a fresh virtual environment with --python',
    ])
  }

  const {spec, wheels} = request
  return {type: 'install', python: interpreter.executable, spec, wheels, packages, state: 'pending'}
}

async function presentPackages(effects: Effects, step: InstallStep): Promise<string[]> {
  const {distributions} = await inspectInterpreter(effects, step.python)
  return step.packages.filter(({name, version}) => distributions.get(name) === version).map(({name}) => name)
}

/** Brings what {@link prepareInstall} listed. May be called again after a crash. */
export async function applyInstall(effects: Effects, step: InstallStep): Promise<void> {
  const requirements = step.packages
    .filter(({name}) => name !== 'npubridge')
    .map(({name, version}) => `${name}==${version}`)
  const result = await pip(effects, step.python, ['install', '--quiet', ...sourceOf(step), step.spec, ...requirements])
  if (result.exitCode !== 0)
    throw new NpuBridgeError('INTERNAL', `pip could not install ${step.spec} into ${step.python}: ${lastWords(result)}`)
}

/** Takes away what is still there of it. May be called again after a crash. */
export async function undoInstall(effects: Effects, step: InstallStep): Promise<void> {
  const present = await presentPackages(effects, step)
  if (present.length === 0) return
  const result = await pip(effects, step.python, ['uninstall', '--quiet', '--yes', ...present])
  const left = await presentPackages(effects, step)
  if (left.length > 0)
    throw new NpuBridgeError(
      'INTERNAL',
      `pip could not uninstall ${left.join(', ')} from ${step.python}: ${lastWords(result)}`,
      {
        suggestions: [`${step.python} -m pip uninstall ${left.join(' ')}`],
      },
    )
}
