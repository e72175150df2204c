"""tls/openssh.conf.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 490773611
INCLUDES = ()


def made(environment, runtime):
    TemplateRuntimeError = runtime['TemplateRuntimeError']
    Undefined = runtime['Undefined']
    internalcode = runtime['internalcode']
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
        l_0_notes = resolve('notes')
        l_0_where = resolve('where')
        l_0_program = resolve('program')
        l_0_check = resolve('check')
        l_0_params = resolve('params')
        l_0_protocol = resolve('protocol')
        l_0_lists = resolve('lists')
        try:
            t_1 = environment.filters['join']
        except KeyError:
            @internalcode
            def t_1(*unused):
                raise TemplateRuntimeError("No filter named 'join' found.")
        pass
        yield str((undefined(name='comment') if l_0_comment is missing else l_0_comment))
        yield ' SSH settings for '
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
        yield ' OpenSSL build: '
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
        yield str((undefined(name='comment') if l_0_comment is missing else l_0_comment))
        yield ' The first value wins: this belongs before every other setting of these names,\n'
        yield str((undefined(name='comment') if l_0_comment is missing else l_0_comment))
        yield ' '
        yield str((undefined(name='where') if l_0_where is missing else l_0_where))
        yield '.\n'
        yield str((undefined(name='comment') if l_0_comment is missing else l_0_comment))
        yield ' Let the '
        yield str((undefined(name='program') if l_0_program is missing else l_0_program))
        yield ' judge it before you rely on it: '
        yield str((undefined(name='check') if l_0_check is missing else l_0_check))
        yield '\n'
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'):
            pass
            yield 'ListenAddress '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'))
            yield '\n'
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'key'):
            pass
            yield 'HostKey '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'key'))
            yield '\n'
        if (undefined(name='protocol') if l_0_protocol is missing else l_0_protocol):
            pass
            yield 'Protocol 2\n'
        for (l_1_name, l_1_names) in (undefined(name='lists') if l_0_lists is missing else l_0_lists):
            _loop_vars = {}
            pass
            yield str(l_1_name)
            yield ' '
            yield str(t_1(context.eval_ctx, l_1_names, ','))
            yield '\n'
        l_1_name = l_1_names = missing

    return root
