import {settings} from '@oclif/core'

// The tests exercise what ships: commands come from dist, built beforehand, and never from a transpiler.
settings.enableAutoTranspile = false
