"""tls/_header.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 2411679484
INCLUDES = ()


def made(environment, runtime):
    Undefined = runtime['Undefined']
    missing = runtime['missing']

    def root(context, missing=missing, environment=environment):
        resolve = context.resolve_or_missing
        undefined = environment.undefined
        concat = environment.concat
        cond_expr_undefined = Undefined
        if 0: yield None
        l_0_comment = resolve('comment')
        l_0_target = resolve('target')
        l_0_job = resolve('job')
        l_0_library = resolve('library')
        l_0_notes = resolve('notes')
        pass
        yield str((undefined(name='comment') if l_0_comment is missing else l_0_comment))
        yield ' TLS settings for '
        yield str(environment.getattr((undefined(name='target') if l_0_target is missing else l_0_target), 'title'))
        yield ' '
        yield str(environment.getattr(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'release'), 'version'))
        yield ', by aspect-hardening.\n'
        yield str((undefined(name='comment') if l_0_comment is missing else l_0_comment))
        yield ' policy: '
        yield str(environment.getattr(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'policy'), 'id'))
        yield ' ('
        yield str(environment.getattr(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'policy'), 'title'))
        yield ', edition '
        yield str(environment.getattr(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'policy'), 'version'))
        yield ')\n'
        yield str((undefined(name='comment') if l_0_comment is missing else l_0_comment))
        yield ' '
        yield str((undefined(name='library') if l_0_library is missing else l_0_library))
        yield ' build: '
        yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'build'))
        yield '\n'
        for l_1_note in (undefined(name='notes') if l_0_notes is missing else l_0_notes):
            _loop_vars = {}
            pass
            yield str((undefined(name='comment') if l_0_comment is missing else l_0_comment))
            yield ' '
            yield str(l_1_note)
            yield '\n'
        l_1_note = missing

    return root
