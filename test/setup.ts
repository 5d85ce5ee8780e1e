import {settings} from '@oclif/core'

// The tests exercise what ships: commands come from dist, built beforehand, and never from a transpiler.
settings.enableAutoTranspile = false

// Homes of tests are new each time: compiled code that is kept there only takes time.
process.env.NODE_DISABLE_COMPILE_CACHE ??= '1'
