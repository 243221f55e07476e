/** One guard undone: which lines of which file become what, and the test that must notice. */
export interface Mutant {
  readonly name: string
  readonly edits: readonly { readonly file: string; readonly from: string; readonly to: string }[]
  readonly test: { readonly file: string; readonly name: string }
}

export const MUTANTS: readonly Mutant[] = []
