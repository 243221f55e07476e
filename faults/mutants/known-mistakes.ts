/** One line of a list of what systems like this one are known to get wrong, and the mutants that make it here. */
export interface KnownMistake {
  readonly mistake: string
  readonly mutants: readonly string[]
}

/** Every mutant named is in the table; the rest of what is known to go wrong are the rules themselves. */
export const KNOWN_MISTAKES: readonly KnownMistake[] = [
  { mistake: 'commit before write', mutants: ['commit-before-the-write', 'auto-commit', 'index-commits-first'] },
  { mistake: 'acknowledge before append', mutants: ['accepted-before-the-append'] },
  { mistake: 'acknowledge on queueing', mutants: ['accepted-when-queued'] },
  { mistake: 'no unique key', mutants: ['ids-not-unique', 'numbers-not-unique', 'claims-on-another-shard'] },
  { mistake: 'new id on retry', mutants: ['new-id-on-retry', 'identity-of-the-record'] },
  { mistake: 'order by wall clock', mutants: ['numbered-by-clocks'] },
  { mistake: 'swallowed write error', mutants: ['write-error-swallowed', 'half-counts-as-whole'] },
  { mistake: 'skip and commit', mutants: ['commit-what-failed', 'gone-after-three-tries'] },
  { mistake: 'unordered bulk', mutants: ['unordered-bulk', 'bulk-goes-on'] },
  { mistake: 'upsert that burns numbers', mutants: ['upsert-burns-numbers', 'upsert-on-sqlite'] },
  {
    mistake: 'last-of-batch commit',
    mutants: ['commit-past-what-waits', 'settled-past-what-waits', 'prefix-with-holes'],
  },
  { mistake: 'give up without a claim', mutants: ['given-up-without-a-claim', 'dead-without-a-claim'] },
  { mistake: 'replay that releases the claim', mutants: ['replay-releases-the-claim'] },
  { mistake: 'no feed for adopted', mutants: ['adopted-goes-untold'] },
  { mistake: 'auto-commit on', mutants: ['auto-commit'] },
  { mistake: 'dedupe cache with a time limit instead of the key', mutants: ['dedupe-by-time'] },
  { mistake: 'cursor off by one', mutants: ['commit-off-by-one', 'start-off-by-one', 'fill-off-by-one'] },
  {
    mistake: 'search that is silently wrong',
    mutants: [
      'older-version-wins',
      'version-without-the-epoch',
      'written-into-any-index',
      'heads-of-the-old-index',
      'heads-and-hits-of-two-indexes',
      'rights-read-once',
      'tail-not-looked-at',
      'bulk-failures-pass',
    ],
  },
  { mistake: 'search that holds people up', mutants: ['every-search-waits'] },
  { mistake: 'rebuild that loses its place', mutants: ['rebuilt-without-a-position', 'rebuild-begins-anew'] },
  { mistake: 'log that lets go what was not read', mutants: ['retention-passed-by'] },
  { mistake: 'SQLite NORMAL', mutants: ['accepted-without-a-sync', 'stored-without-a-sync'] },
]
