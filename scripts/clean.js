// Removes build output given by name, relative to the project's root: `node scripts/clean.js dist`.
import {rmSync} from 'node:fs'

const root = new URL('..', import.meta.url)
for (const name of process.argv.slice(2)) rmSync(new URL(name, root), {force: true, recursive: true})
