import {mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** A temporary folder for one test; `using` removes it. */
export class TemporaryFolder implements Disposable {
  readonly path = mkdtempSync(path.join(os.tmpdir(), 'npubridge-test-'))

  file(name: string, content: string | Uint8Array = ''): string {
    const file = this.#place(name)
    writeFileSync(file, content)
    return file
  }

  link(name: string, target: string): void {
    symlinkSync(target, this.#place(name))
  }

  [Symbol.dispose](): void {
    this.remove()
  }

  remove(): void {
    rmSync(this.path, {force: true, recursive: true})
  }

  #place(name: string): string {
    const file = path.join(this.path, name)
    mkdirSync(path.dirname(file), {recursive: true})
    return file
  }
}
