import {expect} from 'chai'
import {writeFile} from 'node:fs/promises'
import path from 'node:path'
import {pathToFileURL} from 'node:url'
import {type Browser, chromium} from 'playwright-core'

import {renderHtml} from '../../src/ui/bench/html.ts'
import {findChromium} from '../support/chromium.ts'
import {makeFolder, removeFolder} from '../support/folder.ts'
import {COMPARISON, REPORT} from '../ui/bench/report.ts'

describe('the page of a benchmark, in a browser', () => {
  let folder: string
  let browser: Browser
  let url: string

  before(async function () {
    const executablePath = findChromium()
    if (executablePath === undefined) {
      console.error('      skipped: no Chromium on PATH')
      this.skip()
    }

    folder = await makeFolder()
    const file = path.join(folder, 'bench.html')
    await writeFile(file, renderHtml({...REPORT, comparison: COMPARISON}))
    url = pathToFileURL(file).href
    browser = await chromium.launch({executablePath, args: ['--no-sandbox']})
  })

  after(async () => {
    await browser?.close()
    if (folder) await removeFolder(folder)
  })

  const open = async (colorScheme: 'dark' | 'light', width: number) => {
    const page = await browser.newPage({colorScheme, viewport: {width, height: 800}})
    const problems: string[] = []
    const fetched: string[] = []
    page.on('console', (message) => {
      problems.push(message.text())
    })
    page.on('pageerror', ({message}) => {
      problems.push(message)
    })
    page.on('request', (request) => {
      fetched.push(request.url())
    })
    await page.goto(url)
    return {fetched, page, problems}
  }

  for (const [colorScheme, width] of [
    ['light', 1200],
    ['dark', 1200],
    ['light', 390],
  ] as const) {
    it(`opens without a word on the console and fetches nothing: ${colorScheme}, ${width} pixels`, async () => {
      const {fetched, page, problems} = await open(colorScheme, width)
      expect(problems).to.deep.equal([])
      expect(fetched.filter((each) => each !== page.url() && !each.startsWith('data:'))).to.deep.equal([])
      const plots = await page.locator('figure svg[role=img]').count()
      const scrollWidth = await page.evaluate<number>('document.documentElement.scrollWidth')
      expect(plots).to.be.above(2)
      expect(scrollWidth).to.be.at.most(width)
      await page.close()
    })
  }

  it('is light or dark as the reader prefers', async () => {
    const brightness = async (colorScheme: 'dark' | 'light') => {
      const {page} = await open(colorScheme, 1200)
      const colour = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
      await page.close()
      return Math.max(...colour.match(/\d+/g)!.map(Number))
    }

    expect(await brightness('light')).to.be.above(200)
    expect(await brightness('dark')).to.be.below(60)
  })
})
