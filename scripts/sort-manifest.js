// Puts the commands of oclif.manifest.json in the order of their names: oclif takes that of the file system, which is
// another on each machine.
import {readFileSync, writeFileSync} from 'node:fs'

const file = new URL('../oclif.manifest.json', import.meta.url)
const manifest = JSON.parse(readFileSync(file, 'utf8'))
const commands = Object.entries(manifest.commands).toSorted(([one], [other]) => (one < other ? -1 : 1))
writeFileSync(file, `${JSON.stringify({...manifest, commands: Object.fromEntries(commands)}, null, 2)}\n`)
