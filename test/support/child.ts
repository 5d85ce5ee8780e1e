import {randomUUID} from 'node:crypto'
import {writeFile} from 'node:fs/promises'
import path from 'node:path'

import type {ChildProgram} from '../../src/core/runtime/inspect.ts'
import type {RuntimeReport} from '../../src/core/runtime/report.ts'

/** A program in place of the child that looks at runtimes; `request` is what it was asked. */
export async function childProgram(folder: string, source: string): Promise<ChildProgram> {
  const script = path.join(folder, `child-${randomUUID()}.cjs`)
  const prelude = "const fs = require('node:fs'); const request = JSON.parse(process.argv[2]);\n"
  await writeFile(script, `${prelude}const answer = (value) => fs.writeFileSync(3, JSON.stringify(value));\n${source}`)
  return {node: process.execPath, script}
}

/** What a runtime with a CPU and a GPU would report. */
export function reportOf(folder: string): RuntimeReport {
  return {
    version: '2026.4.1-22982',
    folder,
    devices: [
      {name: 'CPU', fullName: 'Some CPU', properties: {OPTIMIZATION_CAPABILITIES: 'FP32'}, unreadable: {}},
      {name: 'GPU', fullName: null, properties: {}, unreadable: {FULL_DEVICE_NAME: 'no driver'}},
    ],
  }
}

/** A child that answers for such a runtime; its GPU fails the test, and each request is noted in `log`. */
export async function workingChild(folder: string, log: string): Promise<ChildProgram> {
  return childProgram(
    folder,
    String.raw`
    fs.appendFileSync(${JSON.stringify(log)}, request.kind + ' ' + (request.device ?? '') + '\n')
    if (request.kind === 'inspect') answer({value: {...${JSON.stringify(reportOf(''))}, folder: request.folder}})
    else if (request.device === 'CPU') answer({value: {device: 'CPU', ok: true, computeUs: 12.5}})
    else process.kill(process.pid, 'SIGSEGV')
    `,
  )
}
