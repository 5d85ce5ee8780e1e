import {existsSync} from 'node:fs'
import path from 'node:path'

const PYTHON = path.resolve(import.meta.dirname, '../../.venv/bin/python')

/**
 * Lets the tests of a suite use the Python environment that `npm run test:prepare` makes; skips them where it was not
 * made.
 */
export function withTestPython(): void {
  const before_ = process.env.NPUBRIDGE_PYTHON

  before(function () {
    if (!existsSync(PYTHON)) {
      console.error('      skipped: no Python environment: npm run test:prepare')
      this.skip()
    }

    process.env.NPUBRIDGE_PYTHON = PYTHON
  })

  after(() => {
    if (before_ === undefined) delete process.env.NPUBRIDGE_PYTHON
    else process.env.NPUBRIDGE_PYTHON = before_
  })
}
