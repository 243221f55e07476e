import type { ComponentChildren } from 'preact'

function Icon({ children }: { readonly children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      {children}
    </svg>
  )
}

/** The mark: a holdfast, the root by which kelp keeps its hold. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="9" />
      <path d="M16 5.5v20M16 15.5c0 6-6.5 5-8.5 10M16 15.5c0 6 6.5 5 8.5 10M16 10.5c4.2 0 5.8-1.5 6.5-4.5M16 13c-4.2 0-5.8-1.5-6.5-4.5" />
    </svg>
  )
}

export const Plus = () => (
  <Icon>
    <path d="M10 4v12M4 10h12" />
  </Icon>
)
export const Search = () => (
  <Icon>
    <circle cx="8.5" cy="8.5" r="5" />
    <path d="m12.5 12.5 4 4" />
  </Icon>
)
export const Back = () => (
  <Icon>
    <path d="M12.5 4 6.5 10l6 6" />
  </Icon>
)
export const Close = () => (
  <Icon>
    <path d="m5 5 10 10M15 5 5 15" />
  </Icon>
)
export const Send = () => (
  <Icon>
    <path d="M10 16.5V4M4.5 9 10 3.5 15.5 9" />
  </Icon>
)
export const Down = () => (
  <Icon>
    <path d="M10 4v12M4.5 10.5 10 16l5.5-5.5" />
  </Icon>
)
export const People = () => (
  <Icon>
    <circle cx="7.5" cy="7" r="3" />
    <path d="M2 16.5c.4-3 2.600-4.700 5.5-4.700s5.100 1.700 5.5 4.700M13.5 4.300a3 3 0 0 1 0 5.400M15.300 12.2c1.600.7 2.600 2.2 2.8 4.300" />
  </Icon>
)
export const NewWindow = () => (
  <Icon>
    <path d="M8 4.5H4.5v11h11V12M11.5 3.5h5v5M16 4l-6.5 6.5" />
  </Icon>
)
export const SignOut = () => (
  <Icon>
    <path d="M8 3.5H4v13h4M12 6l4 4-4 4M16 10H8" />
  </Icon>
)
export const Clock = () => (
  <Icon>
    <circle cx="10" cy="10" r="6.5" />
    <path d="M10 6.5V10l2.300 1.8" />
  </Icon>
)
export const Check = () => (
  <Icon>
    <path d="m4.5 10.5 3.8 3.8 7.5-8.300" />
  </Icon>
)
export const Checks = () => (
  <Icon>
    <path d="m1.5 10.5 3.8 3.8 7-8.300M9.5 13.300l1 1 7.5-8.300" />
  </Icon>
)
export const Warning = () => (
  <Icon>
    <path d="M10 3 18 16.5H2zM10 8.5v3.5M10 14.2v.1" />
  </Icon>
)
