"""tls/stunnel.conf.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 3637518629
INCLUDES = ('tls/_header.j2',)


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
        l_0_params = resolve('params')
        l_0_least = resolve('least')
        l_0_greatest = resolve('greatest')
        l_0_options = resolve('options')
        l_0_job = resolve('job')
        l_0_curves = resolve('curves')
        try:
            t_1 = environment.filters['join']
        except KeyError:
            @internalcode
            def t_1(*unused):
                raise TemplateRuntimeError("No filter named 'join' found.")
        pass
        template = environment.get_template('tls/_header.j2', 'tls/stunnel.conf.j2')
        gen = template.root_render_func(template.new_context(context.get_all(), True, {}))
        try:
            for event in gen:
                yield event
        finally: gen.close()
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'):
            pass
            yield '[harden]\naccept = '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'))
            yield '\nconnect = '
            yield str((environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'connect') or '127.0.0.1:80'))
            yield '\ncert = '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'certificate'))
            yield '\nkey = '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'key'))
            yield '\n'
        if (undefined(name='least') if l_0_least is missing else l_0_least):
            pass
            yield 'sslVersionMin = '
            yield str((undefined(name='least') if l_0_least is missing else l_0_least))
            yield '\nsslVersionMax = '
            yield str((undefined(name='greatest') if l_0_greatest is missing else l_0_greatest))
            yield '\n'
        for l_1_option in (undefined(name='options') if l_0_options is missing else l_0_options):
            _loop_vars = {}
            pass
            yield 'options = '
            yield str(l_1_option)
            yield '\n'
        l_1_option = missing
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphers'):
            pass
            yield 'ciphers = '
            yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'cipher_string'))
            yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphersuites'):
            pass
            yield 'ciphersuites = '
            yield str(t_1(context.eval_ctx, environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphersuites'), ':'))
            yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'groups'):
            pass
            yield str((undefined(name='curves') if l_0_curves is missing else l_0_curves))
            yield ' = '
            yield str(t_1(context.eval_ctx, environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'groups'), ':'))
            yield '\n'

    return root
