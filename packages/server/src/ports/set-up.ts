/** What `holdfast setup` made in an engine, or found there. */
export interface SetUpStep {
  readonly what: string
  readonly done: 'created' | 'was there'
}
