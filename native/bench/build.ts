import {execa} from 'execa'
import {copyFile} from 'node:fs/promises'
import path from 'node:path'

export interface Programs {
  /** The add-on that does nothing but call back. */
  readonly bare: string
  readonly bareLoop: string
  readonly queueGrowth: string
}

/** Builds, for release, what the engine is measured with and against. */
export async function buildPrograms(root: string): Promise<Programs> {
  const cargo = ['build', '--release', '--manifest-path', path.join(root, 'native', 'Cargo.toml')]
  const parts = [
    '-p',
    'npubridge-bench',
    '-p',
    'npubridge-engine',
    '--lib',
    '--example',
    'bare_loop',
    '--example',
    'queue_growth',
  ]
  await execa('cargo', [...cargo, ...parts], {stdio: ['ignore', 'inherit', 'inherit']})
  const target = process.env.CARGO_TARGET_DIR ?? path.join(root, 'native', 'target')
  const release = path.join(target, 'release')
  const bare = path.join(release, 'npubridge-bench.node')
  const library = {darwin: 'libnpubridge_bench.dylib', win32: 'npubridge_bench.dll'}[process.platform as string]
  await copyFile(path.join(release, library ?? 'libnpubridge_bench.so'), bare)
  const example = (name: string) => path.join(release, 'examples', process.platform === 'win32' ? `${name}.exe` : name)
  return {bare, bareLoop: example('bare_loop'), queueGrowth: example('queue_growth')}
}
