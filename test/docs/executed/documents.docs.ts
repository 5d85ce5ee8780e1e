/**
 * Runs every line of shell of the documents, in their order, as they stand there but for addresses. Takes some minutes,
 * so it is a script of its own: npm run test:documents.
 */
import {documentedLines, ELSEWHERE} from './lines.ts'
import {Scene} from './scene.ts'

const tried = documentedLines().filter(({line}) => ELSEWHERE[line] === undefined)

for (const [document, lines] of Map.groupBy(tried, (each) => each.document)) {
  describe(`the lines of shell of ${document}`, function () {
    this.timeout(600_000)
    const scene = new Scene()

    before(async () => scene.open())

    after(async () => scene.close())

    for (const {line} of lines) it(`work: ${line.split('\n', 1)[0]!}`, async () => scene.run(line))
  })
}
