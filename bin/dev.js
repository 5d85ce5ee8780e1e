#!/usr/bin/env node
// Rebuilds the TypeScript sources, then runs the command line from them with full stack traces.
import {execFileSync} from 'node:child_process'

execFileSync('npm', ['run', '--silent', 'build:ts'], {stdio: ['ignore', 'ignore', 'inherit']})
process.env.DEBUG ??= 'npubridge*'
const {start} = await import('./main.js')
await start(process.argv.slice(2))
