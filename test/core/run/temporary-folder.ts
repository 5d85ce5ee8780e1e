import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'

/** A folder of its own for each test of the enclosing suite, removed afterwards. */
export function temporaryFolder(): () => string {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'npubridge-run-'))
  })
  afterEach(() => {
    rmSync(folder, {force: true, recursive: true})
  })
  return () => folder
}
