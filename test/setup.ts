import {settings} from '@oclif/core'

// The tests exercise what ships: commands come from dist, built beforehand, and never from a transpiler.
settings.enableAutoTranspile = false

/**
 * With NPUBRIDGE_REQUIRE_ALL=1 a skipped test is a failed one: a test that cannot find what it needs must not pass
 * unnoticed where everything is meant to be present.
 */
export const mochaHooks = {
  afterEach(this: Mocha.Context) {
    if (process.env.NPUBRIDGE_REQUIRE_ALL === '1' && this.currentTest?.isPending()) {
      throw new Error(`skipped under NPUBRIDGE_REQUIRE_ALL: ${this.currentTest.fullTitle()}`)
    }
  },
}
