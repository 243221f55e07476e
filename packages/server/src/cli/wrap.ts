/** No line of a help is longer: it is read in terminals of the usual width. */
const COLUMNS_MAX = 80

/**
 * A text in lines that fit, each behind `indent`. Single line ends flow; an empty line parts paragraphs, and a line that begins with a
 * blank stands as it is.
 */
export function wrapped(text: string, indent = ''): string {
  const lines: string[] = []
  let words: string[] = []
  const flush = () => {
    lines.push(...filled(words, COLUMNS_MAX - indent.length))
    words = []
  }
  for (const line of text.split('\n')) {
    if (line !== '' && !line.startsWith(' ')) {
      words.push(...line.split(' '))
      continue
    }
    flush()
    lines.push(line)
  }
  flush()
  return lines.map((line) => `${indent}${line}`.trimEnd()).join('\n')
}

function filled(words: readonly string[], columns: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of words) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return line === '' ? lines : [...lines, line]
}
