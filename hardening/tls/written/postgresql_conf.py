"""tls/postgresql.conf.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 405616609
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
        l_0_ranged = resolve('ranged')
        l_0_least = resolve('least')
        l_0_greatest = resolve('greatest')
        l_0_job = resolve('job')
        l_0_prefers = resolve('prefers')
        l_0_curves = resolve('curves')
        try:
            t_1 = environment.filters['join']
        except KeyError:
            @internalcode
            def t_1(*unused):
                raise TemplateRuntimeError("No filter named 'join' found.")
        pass
        template = environment.get_template('tls/_header.j2', 'tls/postgresql.conf.j2')
        gen = template.root_render_func(template.new_context(context.get_all(), True, {}))
        try:
            for event in gen:
                yield event
        finally: gen.close()
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'):
            pass
            yield 'port = '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'))
            yield "\nssl = on\nssl_cert_file = '"
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'certificate'))
            yield "'\nssl_key_file = '"
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'key'))
            yield "'\n"
        if (undefined(name='ranged') if l_0_ranged is missing else l_0_ranged):
            pass
            yield "ssl_min_protocol_version = '"
            yield str((undefined(name='least') if l_0_least is missing else l_0_least))
            yield "'\nssl_max_protocol_version = '"
            yield str((undefined(name='greatest') if l_0_greatest is missing else l_0_greatest))
            yield "'\n"
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphers'):
            pass
            yield "ssl_ciphers = '"
            yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'cipher_string'))
            yield "'\n"
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphersuites'):
            pass
            yield "ssl_tls13_ciphers = '"
            yield str(t_1(context.eval_ctx, environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphersuites'), ':'))
            yield "'\n"
        if (undefined(name='prefers') if l_0_prefers is missing else l_0_prefers):
            pass
            yield 'ssl_prefer_server_ciphers = '
            yield str(('on' if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'server_preference') else 'off'))
            yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'groups'):
            pass
            yield str((undefined(name='curves') if l_0_curves is missing else l_0_curves))
            yield " = '"
            yield str(t_1(context.eval_ctx, environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'groups'), ':'))
            yield "'\n"
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'dhparam'):
            pass
            yield "ssl_dh_params_file = '"
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'dhparam'))
            yield "'\n"

    return root
