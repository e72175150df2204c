// Shared step (docs/ci.md): harden(paths: 'update.zip', run: 'bundle audit', failOn: 'medium', package: 'aspect-hardening')
// The build is red at exit 10 and 11, unstable at exit 4 and 5, and keeps every report.
def call(Map given) {
    def settings = [run: 'bundle audit', failOn: 'medium', baseline: '', out: 'harden-reports', package: 'aspect-hardening'] + given
    if (!settings.paths) {
        error('harden: name the paths: harden(paths: "update.zip")')
    }
    def code = 1
    withEnv([
        "HARDEN_RUN=${settings.run}",
        "HARDEN_PATHS=${settings.paths}",
        "HARDEN_FAIL_ON=${settings.failOn}",
        "HARDEN_BASELINE=${settings.baseline}",
        "HARDEN_OUT=${settings.out}",
        "HARDEN_PACKAGE=${settings.package}",
    ]) {
        code = sh(returnStatus: true, script: '''
            set -e
            [ -x .harden/bin/harden ] || python3 -m venv .harden
            .harden/bin/python -m pip install --quiet --disable-pip-version-check "$HARDEN_PACKAGE"
            PATH="$PWD/.harden/bin:$PATH"
            exec sh "$(harden ci harden-ci)"
        ''')
    }
    junit(testResults: "${settings.out}/junit.xml", allowEmptyResults: true)
    archiveArtifacts(artifacts: "${settings.out}/**", allowEmptyArchive: true)
    if (code == 4 || code == 5) {
        unstable("harden: exit ${code}")
    } else if (code != 0) {
        error("harden: exit ${code}")
    }
    return code
}
