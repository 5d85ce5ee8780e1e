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

/** What pip would bring, without bringing it. */
async function dryRun(effects: Effects, request: InstallRequest, signal?: AbortSignal) {
  const result = await pip(
    effects,
    request.python,
    ['install', '--dry-run', '--quiet', '--report', '-', request.spec],
    signal,
  )
  signal?.throwIfAborted()
  if (result.exitCode !== 0) {
    const isWithoutPip = /No module named '?pip/.test(result.stderr)
    throw new NpuBridgeError(
      'INVALID_ARGUMENT',
      isWithoutPip ? `${request.python} has no pip` : `pip cannot install ${request.spec}: ${lastWords(result)}`,
      {
        suggestions: isWithoutPip
          ? [
              `${request.python} -m ensurepip`,
              `or uv pip install --python ${request.python} ${request.spec}, and leave --python out`,
            ]
          : ['name another package or a wheel with --package', 'or leave --python out and install npubridge yourself'],
      },
    )
  }

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

  return {type: 'install', python: interpreter.executable, spec: request.spec, packages, state: 'pending'}
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
  const result = await pip(effects, step.python, ['install', '--quiet', step.spec, ...requirements])
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
