/** This build: what the banner, dead letters and `holdfast --version` name. */
export const BUILD = '0.1.0'
